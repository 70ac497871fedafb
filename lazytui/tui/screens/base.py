"""What all screens share: the engine, the bars, and how they hear of changes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, ClassVar, TypeVar, cast

from textual.screen import Screen

from lazytui.tui.keymap import CHANGES, SCOPE_TITLES, shown_key
from lazytui.tui.questions import distinct
from lazytui.tui.widgets.bars import Header, KeyBar
from lazytui.tui.widgets.entry_list import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Sequence

    from textual.widget import Widget

    from lazytui.tui.context import Context
    from lazytui.tui.keymap import Key
    from lazytui.tui.keys import HasKeys, HasRoots, Keys
    from lazytui.tui.messages import Changes, EngineChanged

# Runs that screens look at: more than anybody scrolls through, few enough to sort at once.
RECORDS_SHOWN = 1000

Answer = TypeVar("Answer")


class EngineScreen(Screen[None]):
    """A screen over the engine. It holds no truth: :meth:`rebuild` can make it anew at any time.

    ``SCOPES`` names the parts of the keymap that work on it, for the key bar and the help; a
    widget that has keys of its own while it has the focus names them in the same way. Parts of a
    screen with the class ``panel`` can be zoomed.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ()
    SAVED_FOR: ClassVar[str] = ""
    """The context of the saved commands that can be used here, beside those for anywhere."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.engine = context.engine
        self.clock = context.clock
        self.context = context
        # Parts are held, not looked up: while the app leaves, they go before the screen does.
        self.header = Header(read_only=context.read_only)
        self.key_bar = KeyBar()

    @property
    def keys(self) -> Keys:
        """The keymap as the user has it."""
        return cast("HasKeys", self.app).keys

    @property
    def awaited(self) -> object | None:
        """What must have come before a key means anything here; None when all has."""
        return None

    @property
    def target(self) -> str | None:
        """The host this screen is about; None for none."""
        return None

    @property
    def hosts_meant(self) -> Sequence[str]:
        """The hosts that a command given now is for: the marked ones, or the current one."""
        return [self.target] if self.target is not None else []

    def rebuild(self) -> None:
        """Show the engine as it is now."""
        raise NotImplementedError

    def tick(self) -> None:
        """Called once a second while the screen is seen: durations and waits go on."""
        self.rebuild()

    def show_changes(self, changes: Changes) -> None:
        """Show what changed."""
        raise NotImplementedError

    def on_engine_changed(self, message: EngineChanged) -> None:
        """Hear of a batch of changes."""
        if self.is_mounted:
            self.show_changes(message.changes)
            if message.changes.questions:
                self._show_questions()
            if message.changes.presence:
                self.header.show_others(self.context.others)

    def on_mount(self) -> None:
        """Begin with everything."""
        self.rebuild()
        self._show_questions()
        self.header.show_others(self.context.others)
        cast("HasKeys", self.app).report_clashes(*self.SCOPES)

    def on_screen_resume(self) -> None:
        """Catch up: a screen out of sight hears nothing."""
        self.rebuild()
        self._show_questions()
        self.header.show_others(self.context.others)

    def _show_questions(self) -> None:
        """Say beside the keys that questions wait; they never come up by themselves."""
        key = next(key for key in self.keys.of("global") if key.id == "questions")
        self.key_bar.show_waiting(len(distinct(self.engine.questions)), key)

    # Keys

    @property
    def scopes(self) -> tuple[str, ...]:
        """The parts of the keymap that work now, those of the focused panel first."""
        nearest: tuple[str, ...] = getattr(self.focused, "SCOPES", ())
        return tuple(dict.fromkeys((*nearest, *self.SCOPES)))

    def can(self, key: Key) -> bool:
        """Say whether a key can do something now."""
        if self.context.read_only and (key.scope, key.action) in CHANGES:
            return False
        holder = self.app if key.scope == "global" else self
        return holder.check_action(key.action, ()) is not False

    def show_keys(self) -> None:
        """Show the keys that can do something now."""
        if not self.is_running:  # the app leaves
            return
        self.key_bar.show(key for key in self.keys.of(*self.scopes) if key.bar and self.can(key))

    def entries(self) -> list[Entry]:
        """Give everything that can be done here, under headings; doing it presses its key."""
        groups: dict[str, list[Entry]] = {}
        title = ""
        for key in self.keys.of(*self.scopes):
            title = SCOPE_TITLES.get(key.scope, title)
            names = " ".join(map(shown_key, key.keys))
            press = partial(self.app.simulate_key, key.keys[0])
            groups.setdefault(title, []).append(Entry(key.help, names, self.can(key), press))
        entries: list[Entry] = []
        for title, group in groups.items():
            entries += [*([Entry("")] if entries else []), Entry(title), *group]
        return entries

    # Panels

    @property
    def zoomed(self) -> bool:
        """Whether one panel has the room of all."""
        return self.has_class("-zoomed")

    def zoomable(self) -> Widget | None:
        """Give the panel with the focus, when others are seen beside it; None otherwise."""
        seen = [panel for panel in self.query(".panel") if panel.region.area]
        focused = self.focused
        if focused is None or len(seen) < 2:
            return None
        return next((panel for panel in seen if panel in focused.ancestors_with_self), None)

    def zoom(self) -> None:
        """Give the panel with the focus the room of all, or give the others theirs again."""
        panel = None if self.zoomed else self.zoomable()
        self.set_class(panel is not None, "-zoomed")
        for other in self.query(".panel"):
            other.set_class(other is panel, "-zoom")
        around = panel.ancestors if panel is not None else ()
        for column in self.query(".panels"):
            column.set_class(column in around, "-zoom")
        self.show_keys()

    def open(
        self, screen: Screen[Answer], answered: Callable[[Answer | None], None] | None = None
    ) -> None:
        """Put a screen over this one; once, even when two keys arrive together."""
        if self.is_current:
            self.app.push_screen(screen, answered)

    async def show_host(self, root: str, host: str) -> None:
        """Go to another root, which shows what it has of a host. Keys after it are for that."""
        await cast("HasRoots", self.app).go_to(root, host=host)

    def intend(self, work: Coroutine[object, object, object], name: str) -> None:
        """Ask something of the engine. The app owns the work and tells when it fails."""
        self.app.run_worker(work, name=name, group="intent", exit_on_error=False)
