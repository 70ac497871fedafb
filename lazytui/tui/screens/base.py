"""What all screens share: the engine, the bars, and how they hear of changes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeVar

from textual.screen import Screen

from lazytui.tui.keymap import keys_of
from lazytui.tui.widgets.bars import Header, KeyBar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from lazytui.tui.context import Context
    from lazytui.tui.messages import Changes, EngineChanged

# Runs that screens look at: more than anybody scrolls through, few enough to sort at once.
RECORDS_SHOWN = 1000

Answer = TypeVar("Answer")


class EngineScreen(Screen[None]):
    """A screen over the engine. It holds no truth: :meth:`rebuild` can make it anew at any time.

    ``SCOPES`` names the parts of the keymap that work on it, for the key bar and the help.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ()

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.engine = context.engine
        self.clock = context.clock
        self.context = context
        # Parts are held, not looked up: while the app leaves, they go before the screen does.
        self.header = Header()
        self.key_bar = KeyBar()

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

    def on_mount(self) -> None:
        """Begin with everything."""
        self.rebuild()

    def on_screen_resume(self) -> None:
        """Catch up: a screen out of sight hears nothing."""
        self.rebuild()

    def show_keys(self) -> None:
        """Show the keys that can do something now."""
        keys = [key for key in keys_of(*self.SCOPES) if key.bar]
        able = [key for key in keys if self.check_action(key.action, ()) is not False]
        self.key_bar.show(able)

    def open(
        self, screen: Screen[Answer], answered: Callable[[Answer | None], None] | None = None
    ) -> None:
        """Put a screen over this one; once, even when two keys arrive together."""
        if self.is_current:
            self.app.push_screen(screen, answered)

    def intend(self, work: Coroutine[object, object, object], name: str) -> None:
        """Ask something of the engine. The app owns the work and tells when it fails."""
        self.app.run_worker(work, name=name, group="intent", exit_on_error=False)
