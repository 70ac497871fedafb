"""The sheet that exposes a port, or changes how: it stays, with its text, until that is done."""

from __future__ import annotations

import ipaddress
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from lazytui.core.exposure_model import LOOPBACK, Direction
from lazytui.errors import LazytuiError, UsageError
from lazytui.text import sanitize
from lazytui.tui.group_suggester import GroupSuggester
from lazytui.tui.keymap import bindings
from lazytui.tui.port_order import PortDraft, order_of
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.form import FormSheet
from lazytui.tui.widgets.bars import Bar, KeyBar
from lazytui.tui.widgets.cells import Piece, content_of
from lazytui.tui.widgets.port_words import reach_text, service_text
from lazytui.tui.widgets.run_form import FormRow
from lazytui.tui.widgets.run_form_fields import Option, OptionRow, TextField

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult

    from lazytui.core.exposure_model import ExposureSpec
    from lazytui.tui.context import EngineView

WAYS = (
    Option(Direction.FROM_RUNTIME, "a host → here"),
    Option(Direction.TO_RUNTIMES, "here → hosts"),
    Option(Direction.TO_GROUP, "a host → hosts"),
    Option(Direction.SOCKS, "SOCKS proxy"),
)
AUTO, ONCE = "auto", "once"
STARTS = (Option(AUTO, "whenever the engine starts"), Option(ONCE, "only now"))


class PortForm(FormSheet[int]):
    """Gives the number of the exposure, or None after ``esc``.

    Args:
        engine: sets it up.
        draft: what is in the fields at first.
        number: of the exposure that is changed; 0 for a new one.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("port-form",)
    BINDINGS = bindings("port-form")
    AUTO_FOCUS = "#port-ports"

    def __init__(self, engine: EngineView, draft: PortDraft, number: int = 0) -> None:
        super().__init__()
        self._engine = engine
        self._number = number
        self._public_bind = draft.bind if draft.public else ""
        self._busy = False
        self._title = Bar(id="title")
        self._way = OptionRow(WAYS, draft.direction, id="port-way")
        self._ports = TextField(draft.ports, "8888  8000-8003  8888:9999", id="port-ports")
        self._source = TextField(draft.source, "the host with the service", id="port-source")
        self._where = TextField(draft.where, "gpu[01-04]  @group", id="port-where")
        self._exclude = TextField(draft.exclude, "none", id="port-exclude")
        self._port = TextField(draft.port, "the same; of 6000-6010 the first free", id="port-port")
        self._bind = TextField(draft.bind, LOOPBACK, id="port-bind")
        self._called = TextField(draft.name, "a word, such as jupyter", id="port-name")
        self._start = OptionRow(STARTS, AUTO if draft.auto else ONCE, id="port-start")
        self._source.suggester = GroupSuggester(engine)
        self._where.suggester = GroupSuggester(engine)
        self._exclude.suggester = GroupSuggester(engine)
        self._from_row = FormRow("From", self._source)
        self._to_row = FormRow("To", self._where)
        self._not_row = FormRow("But not", self._exclude)
        self._expect = Static(id="expect")

    def compose(self) -> ComposeResult:
        """Lay the sheet out: the fields, what they mean, the keys."""
        with Vertical(classes="sheet"):
            yield self._title
            with VerticalScroll(can_focus=False, id="port-fields"):
                yield FormRow("Way", self._way)
                yield FormRow("Port", self._ports)
                yield self._from_row
                yield self._to_row
                yield self._not_row
                yield FormRow("Reach as", self._port)
                yield FormRow("Address", self._bind)
                yield FormRow("Name", self._called)
                yield FormRow("Start", self._start)
            yield self._expect
            yield KeyBar()

    def on_mount(self) -> None:
        """Say what it is about."""
        name = sanitize(self._called.value) or f"#{self._number}"
        words = f"Change {name}" if self._number else "Expose a port"
        self._title.show(([Piece(words, bold=True)], ()))
        self._show()
        self.show_keys()

    @property
    def draft(self) -> PortDraft:
        """The fields as they are."""
        return PortDraft(
            Direction(self._way.chosen),
            self._ports.value,
            self._source.value,
            self._where.value,
            self._exclude.value,
            self._port.value,
            self._bind.value,
            self._called.value,
            self._start.chosen == AUTO,
        )

    def _show(self, problem: str = "") -> None:
        draft = self.draft
        self._from_row.display = draft.direction is not Direction.TO_RUNTIMES
        to_hosts = draft.direction in (Direction.TO_RUNTIMES, Direction.TO_GROUP)
        self._to_row.display = self._not_row.display = to_hosts
        if problem:
            self._expect.update(content_of([Piece(sanitize(problem), "attention")]))
            return
        try:
            spec, _ = order_of(draft, self._engine)
        except UsageError as error:
            self._expect.update(content_of([Piece(sanitize(str(error)), "quiet")]))
            return
        words = [
            Piece(service_text(spec)),
            Piece(" becomes reachable at ", "quiet"),
            Piece(draft.port.strip() or reach_text(spec)),
        ]
        self._expect.update(content_of(words))

    def on_input_changed(self) -> None:
        """Say what the fields mean."""
        self._show()

    def on_option_row_chosen(self) -> None:
        """Another way has other fields."""
        self._show()

    # Keys

    def action_submit(self) -> None:
        """Expose it; an address that others reach is asked about first."""
        if self._busy:
            return
        try:
            spec, choices = order_of(self.draft, self._engine)
        except UsageError as error:
            self._show(str(error))
            return
        if spec.bind == self._public_bind:  # confirmed before
            self._begin(replace(spec, public=True), choices)
            return
        if _is_loopback(spec.bind):
            self._begin(spec, choices)
            return

        def answered(key: str | None) -> None:
            if key == "y":
                self._begin(replace(spec, public=True), choices)

        about = ("Everybody who reaches that address can use the service, without a password.",)
        title = f"Listen on {spec.bind}, open to others?"
        answers = (("y", "yes, open it"), ("n", "no"))
        self.app.push_screen(ChoiceScreen(title, about, answers), answered)

    def _begin(self, spec: ExposureSpec, choices: list[int] | None) -> None:
        self._busy = True
        self._expect.update(content_of([Piece("Setting it up …", "moves")]))

        async def work() -> None:
            await self._add(spec, choices)

        # The app's: an exposure that is being set up is not cut in two by ``esc``.
        begin: Callable[[], object] = work
        self.app.run_worker(begin, name="expose", group="intent", exit_on_error=False)

    async def _add(self, spec: ExposureSpec, choices: list[int] | None) -> None:
        try:
            if self._number:
                made = await self._engine.exposures.change(self._number, spec, choices)
            else:
                made = await self._engine.exposures.add(spec, choices)
        except (LazytuiError, ValueError) as error:
            self._busy = False
            if not self.is_mounted:
                raise
            self._show(str(error))
            return
        self._busy = False
        self.leave(made.id)


def _is_loopback(address: str) -> bool:
    """A text that is no address is the core's to refuse."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return True
