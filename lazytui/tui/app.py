"""The app: it wires the engine to the screens and does no work of its own."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from textual.app import App
from textual.worker import Worker, WorkerState

from lazytui.core.events import Notice
from lazytui.errors import LazytuiError
from lazytui.text import sanitize
from lazytui.tui.context import Clock, Context
from lazytui.tui.keymap import bindings
from lazytui.tui.messages import EngineChanged, changes_in
from lazytui.tui.screens.base import EngineScreen
from lazytui.tui.screens.help import HelpScreen
from lazytui.tui.screens.hosts import HostsScreen
from lazytui.tui.screens.tasks import TasksScreen
from lazytui.tui.styles import sheet_paths
from lazytui.tui.theme import LAZYTUI_DARK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.driver import Driver
    from textual.notifications import SeverityLevel

    from lazytui.core.events import Event
    from lazytui.tui.context import EngineView

log = logging.getLogger(__name__)

# At most so many updates of the screens a second, however fast events come.
UPDATES_PER_S = 12


class LazytuiApp(App[None], inherit_bindings=False):
    """One terminal's view of an engine. Several apps may share one engine and one loop.

    Args:
        engine: what is shown and asked.
        clock: the two clocks; tests hand in their own.
        driver_class: Textual's driver for the terminal; None for its own choice.
    """

    TITLE = "lazytui"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = bindings("global")
    HORIZONTAL_BREAKPOINTS = [  # noqa: RUF012 (Textual's own, typed there)
        (0, "-narrow"),
        (100, "-medium"),
        (130, "-wide"),
    ]
    VERTICAL_BREAKPOINTS = [  # noqa: RUF012 (Textual's own, typed there)
        (0, "-short"),
        (16, "-normal"),
        (40, "-tall"),
    ]

    def __init__(
        self,
        engine: EngineView,
        *,
        clock: Clock | None = None,
        driver_class: type[Driver] | None = None,
    ) -> None:
        super().__init__(driver_class=driver_class, css_path=[*sheet_paths()])
        self.engine = engine
        self.context = Context(engine, clock or Clock())
        self.add_mode("hosts", lambda: HostsScreen(self.context))
        self.add_mode("tasks", lambda: TasksScreen(self.context))
        self.register_theme(LAZYTUI_DARK)
        self.theme = LAZYTUI_DARK.name

    async def on_mount(self) -> None:
        """Listen to the engine, then show the hosts."""
        self.run_worker(self._follow_engine(), name="events", group="events", exit_on_error=False)
        self.set_interval(1.0, self._tick)
        await self.switch_mode("hosts")

    # Facts come up

    async def _follow_engine(self) -> None:
        """Hand what happens in the engine to the screens in sight, in batches."""
        with self.engine.events.subscribe() as subscription:
            # What happened before the subscription began is not in it.
            self._rebuild()
            while True:
                self._pass_on(await subscription.drain())
                await asyncio.sleep(1 / UPDATES_PER_S)

    def _pass_on(self, events: Sequence[Event]) -> None:
        changes = changes_in(events)
        for screen in self.screen_stack:
            screen.post_message(EngineChanged(changes))
        for event in events:
            if isinstance(event, Notice):
                self._notice(event)

    def _notice(self, notice: Notice) -> None:
        severity: SeverityLevel = "warning"
        if notice.severity in ("information", "error"):
            severity = "error" if notice.severity == "error" else "information"
        self.notify(sanitize(notice.text), severity=severity, markup=False)

    def _engine_screens(self) -> list[EngineScreen]:
        """The screens in sight: the current one and those below it."""
        return [s for s in self.screen_stack if isinstance(s, EngineScreen) and s.is_mounted]

    def _rebuild(self) -> None:
        for screen in self._engine_screens():
            screen.rebuild()

    def _tick(self) -> None:
        for screen in self._engine_screens():
            screen.tick()

    def on_worker_state_changed(self, event: Worker.StateChanged) -> None:
        """Report work that failed: to the log in full, to the user in a sentence."""
        if event.state is not WorkerState.ERROR:
            return
        error, name = event.worker.error, event.worker.name
        if isinstance(error, LazytuiError):
            log.warning("%s: %s", name, error)
            text = str(error)
        else:
            log.error("%s failed", name, exc_info=error)
            text = f"{type(error).__name__}: {error} (the log has more)"
        self.notify(sanitize(f"{name}: {text}"), severity="error", timeout=10, markup=False)

    # Keys that work everywhere

    async def action_view_hosts(self) -> None:
        """Go to Hosts."""
        await self._view("hosts")

    async def action_view_tasks(self) -> None:
        """Go to Tasks."""
        await self._view("tasks")

    async def _view(self, mode: str) -> None:
        """Show a tab as it was left; asked for again, its root."""
        if self.current_mode != mode:
            await self.switch_mode(mode)
            return
        while len(self.screen_stack) > 1:
            # Not awaited: this may run in the messages of the very screen that goes.
            self.pop_screen()

    def action_keys(self) -> None:
        """List the keys of the current screen."""
        if isinstance(self.screen, EngineScreen):
            self.push_screen(HelpScreen(self.screen.SCOPES))

    def action_quit_now(self) -> None:
        """Leave from anywhere: what runs on the hosts goes on."""
        self.exit()

    def action_interrupt(self) -> None:
        """Say how to leave; ``ctrl+c`` alone never ends anything."""
        self.notify("ctrl+q quits; what runs on the hosts goes on", markup=False)
