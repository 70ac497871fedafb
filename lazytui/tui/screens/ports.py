"""Ports: what is reachable where, how it is, and what flows."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lazytui.core.exposure_model import Direction, ExposureState
from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.port_listening import Listening
from lazytui.tui.port_order import PortDraft, draft_of
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.confirm import confirm
from lazytui.tui.screens.listing import ListScreen
from lazytui.tui.screens.port import PortScreen
from lazytui.tui.screens.port_address import ask_address, copy_line, url_of
from lazytui.tui.screens.port_form import PortForm
from lazytui.tui.widgets.cells import Piece
from lazytui.tui.widgets.port_table import SORTS, PortTable
from lazytui.tui.widgets.port_words import (
    counts,
    listening_text,
    reach_text,
    service_text,
    since_text,
    state_pieces,
    traffic_text,
    trouble_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.exposure_model import Exposure, Suggestion
    from lazytui.tui.context import Context
    from lazytui.tui.messages import Changes

NOTHING = (
    Piece("No port is exposed yet\n\n", bold=True),
    Piece("a", "keys"),
    Piece(" makes a port of a host reachable here,\n", "quiet"),
    Piece("  or one of here reachable on hosts: a notebook, a database\n", "quiet"),
    Piece("n", "keys"),
    Piece(" offers what listens on your hosts\n", "quiet"),
    Piece("p", "keys"),
    Piece(" on a host shows its own", "quiet"),
)
MOST_SUGGESTED = 9  # one digit each
STARTABLE = (
    ExposureState.OFF,
    ExposureState.FAILED,
    ExposureState.RETRYING,
    ExposureState.REFUSED,
)


class PortsScreen(ListScreen):
    """The exposures, the oldest first, and three rows on the current one."""

    SCOPES: ClassVar[tuple[str, ...]] = ("ports", "tab", "list", "global")
    BINDINGS = bindings("ports", "tab")
    EMPTY = NOTHING
    FILTER_HINT = "jupyter host:gpu01 retrying"

    table: PortTable

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._host = ""
        self._came_for = ""  # the filter that one came with from another screen
        self._listening = Listening(self.engine, self.clock)
        self.table = PortTable(self.clock, id="ports")

    def on_mount(self) -> None:
        """What other programs hold is in the journal."""
        self._load()

    def on_screen_resume(self) -> None:
        """Another program may have changed something."""
        self._load()

    def _load(self) -> None:
        async def load() -> None:
            await self.engine.exposures.load()
            if self.is_mounted:
                self.rebuild()

        self.intend(load(), "exposures")

    # What is seen

    def rebuild(self) -> None:
        """Show the exposures as they are now."""
        everything = self.engine.exposures.all()
        shown = [each for each in everything if self._matches(each)]
        self.table.show(shown)
        self.table.note = [] if shown else self._nothing(len(everything))
        self.show_table(bool(everything) or bool(self._text))
        self.header.tabs("Ports", counts(everything))
        self._show_current()

    def tick(self) -> None:
        """Take the rates, let the waits go on, and look what else listens there."""
        self.table.sample()
        self.rebuild()
        host = self._suggesting
        if host and self._listening.is_due(host):
            self.run_worker(self._look(host), group="listening", exclusive=True)

    async def _look(self, host: str) -> None:
        await self._listening.look(host)
        if self.is_mounted:
            self._show_current()

    def show_changes(self, changes: Changes) -> None:
        """Show what changed."""
        if changes.exposures:
            self.rebuild()

    def _matches(self, exposure: Exposure) -> bool:
        spec = exposure.spec
        words = f"{spec.name} {service_text(spec)} {reach_text(spec)} {exposure.state}".casefold()
        for term in self._text.casefold().split():
            key, colon, host = term.partition(":")
            if colon and key == "host":
                if host not in (name.casefold() for name in exposure.hosts):
                    return False
            elif term not in words:
                return False
        return True

    def _nothing(self, total: int) -> list[Piece]:
        whose = f"of {sanitize(self._host)} is exposed" if self._host else f"of {total} matches"
        back = " goes back" if self._text == self._came_for else " shows all"
        return [
            Piece(f"None {whose}   ", "quiet"),
            Piece("a", "keys"),
            Piece(" exposes one   ", "quiet"),
            Piece("esc", "keys"),
            Piece(back, "quiet"),
        ]

    def _show_current(self) -> None:
        each = self.table.current_exposure
        host = self._suggesting
        listening = [Piece(listening_text(host, self._listening.of(host)), "quiet")]
        self._details.set_class(each is None and not host, "-empty")
        if each is not None:
            self._details.show(*self._about(each), (listening, ()))
        else:
            self._details.show(((), ()), ((), ()), (listening, ()))
        place = f"{self.table.cursor + 1} of {len(self.table.keys)}" if self.table.keys else ""
        filtered = [Piece("/ ", "keys"), Piece(sanitize(self._text))] if self._text else []
        self._status.show((filtered, [Piece(place, "quiet")]))
        self._filter_bar.show([Piece(place or "none", "quiet")])
        self.show_keys()

    def _about(self, each: Exposure) -> list[tuple[list[Piece], list[Piece]]]:
        """Give two rows: what it is and how, and what broke or where it can be reached."""
        now = self.clock.epoch()
        title = [
            Piece(f"{service_text(each.spec)} → {reach_text(each.spec)}", bold=True),
            Piece("   "),
            *state_pieces(each.state),
            Piece(f"   {since_text(each, now)}", "quiet"),
        ]
        flows = traffic_text(*self.table.rates(each.id))
        side = [Piece(f"{flows}/s · " if flows else "", "moves")]
        side.append(Piece("auto-start" if each.spec.auto else "no auto-start", "quiet"))
        trouble = [Piece(trouble_of(each, now), "attention" if each.reason else "quiet")]
        where = url_of(each) if each.spec.on_manager else ""
        return [(title, side), (trouble, [Piece(where)])]

    # Keys

    @property
    def hosts_meant(self) -> Sequence[str]:
        """The hosts of the current exposure."""
        each = self.table.current_exposure
        return each.hosts if each is not None else []

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say whether a key can do something now; the key bar shows only those."""
        if not self.is_mounted:
            return True
        each = self.table.current_exposure
        match action:
            case "open" | "auto" | "delete" | "browser":
                return each is not None
            case "edit":
                return each is not None and not each.holder
            case "copy":
                return each is not None and each.spec.direction is not Direction.TO_GROUP
            case "test" | "stop":
                return each is not None and bool(each.rows)
            case "restart":
                return each is not None and each.state in STARTABLE and not each.holder
            case "find" | "sort" | "sort_reverse":
                return self.table.display
            case _:
                return True

    @property
    def _suggesting(self) -> str:
        """The host whose listening ports are meant: that of the current service, if it has one."""
        each = self.table.current_exposure
        return (each.spec.source if each is not None else "") or self._host

    def on_line_table_cursor_moved(self) -> None:
        """Tell about the exposure the cursor came to."""
        self._show_current()

    def on_line_table_opened(self) -> None:
        """A double click opens the details."""
        self.action_open()

    def action_open(self) -> None:
        """Show all about the current exposure."""
        if each := self.table.current_exposure:
            self.open(PortScreen(self.context, each.id))

    def action_test(self) -> None:
        """Show the current exposure, and try it."""
        if each := self.table.current_exposure:
            self.open(PortScreen(self.context, each.id, test=True))

    def action_add(self) -> None:
        """Expose a port; with a host in view, one of that."""
        self._add(PortDraft(source=self._host))

    def _add(self, draft: PortDraft) -> None:
        self.open(PortForm(self.engine, draft))

    def action_edit(self) -> None:
        """Change the current exposure."""
        if each := self.table.current_exposure:
            self.open(PortForm(self.engine, draft_of(each.spec), each.id))

    def action_suggest(self) -> None:
        """Ask what listens on the host that is meant, or on those that are up."""
        host = self._suggesting

        async def ask() -> None:
            if not host:
                self._suggest("your hosts", await self._listening.look_around())
                return
            found = await self.engine.exposures.suggestions(host)
            self._suggest(host, [(host, each) for each in found])

        self.intend(ask(), "suggestions")

    def _suggest(self, where: str, found: Sequence[tuple[str, Suggestion]]) -> None:
        if not found:
            text = f"Nothing listens on {sanitize(where)} that is not exposed"
            self.app.notify(text, markup=False)
            return
        shown = found[:MOST_SUGGESTED]
        several = len({host for host, _ in found}) > 1
        choices = [
            (str(at), f"{f'{host}:' if several else ''}{each.port}  {each.program}".rstrip())
            for at, (host, each) in enumerate(shown, 1)
        ]
        left = len(found) - len(shown)
        about = (f"and {left} more: lazytui ports suggest HOST",) if left else ()

        def chosen(key: str | None) -> None:
            if key is not None:
                host, each = shown[int(key) - 1]
                self._add(PortDraft(ports=str(each.port), source=host))

        self.open(ChoiceScreen(f"Listening on {where}", about, choices, start=0), chosen)

    def action_stop(self) -> None:
        """Take the current exposure down."""
        if each := self.table.current_exposure:
            self.intend(self.engine.exposures.stop(each.id), "stop")

    def action_restart(self) -> None:
        """Take the current exposure up again, or try it now."""
        if each := self.table.current_exposure:
            exposures = self.engine.exposures
            again = exposures.restart if each.rows else exposures.start
            self.intend(again(each.id), "start")

    def action_auto(self) -> None:
        """Take it up when the engine starts, or not."""
        if each := self.table.current_exposure:
            self.intend(self.engine.exposures.set_auto(each.id, not each.spec.auto), "auto")

    def action_browser(self) -> None:
        """Open the address, or copy what leads there."""
        if each := self.table.current_exposure:
            ask_address(self, each)

    def action_copy(self) -> None:
        """Copy the ssh line that leads to the ports from the user's own machine."""
        if each := self.table.current_exposure:
            copy_line(self, each)

    def action_sort(self) -> None:
        """Ask by what ports are sorted."""

        def chosen(key: str | None) -> None:
            if key is not None:
                self.table.sort, self.table.reverse = key, False
                self.rebuild()

        choices = [(key, way.text) for key, way in SORTS.items()]
        start = list(SORTS).index(self.table.sort)
        self.open(ChoiceScreen("Sort ports by", (), choices, start=start), chosen)

    def action_sort_reverse(self) -> None:
        """Sort the other way round."""
        self.table.reverse = not self.table.reverse
        self.rebuild()

    def action_delete(self) -> None:
        """End the current exposure and forget it, after a question."""
        each = self.table.current_exposure
        if each is None:
            return
        number = each.id
        lines = [f"{service_text(each.spec)} → {reach_text(each.spec)}"]
        if each.connections:
            lines.append(f"{each.connections} open connections end with it.")
        confirm(
            self,
            f"Remove {each.spec.name or f'exposure {number}'}?",
            lines,
            "remove",
            1,
            lambda: self.intend(self.engine.exposures.remove(number), "remove"),
        )

    # The filter

    def set_filter(self, text: str) -> None:
        """Show only the exposures that match."""
        self._text = text
        self._host = next(
            (term[5:] for term in text.split() if term[5:] in self.engine.runtimes), ""
        )
        self.rebuild()

    def show_for(self, host: str) -> None:
        """Show only the exposures in which a host takes part; there may be none yet."""
        self._came_for = f"host:{host}" if self.engine.exposures.all() else ""
        self.set_filter(self._came_for)
        self._host = host
        self._show_current()

    def clear_filter(self) -> bool:
        """What one came with stays: the next step back is to the row one came from."""
        return self._text != self._came_for and super().clear_filter()
