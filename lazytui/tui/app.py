"""The app: it wires the engine to the screens and does no work of its own."""

from __future__ import annotations

import asyncio
import logging
import os
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.app import App
from textual.events import Key, Paste
from textual.filter import NoColor
from textual.worker import Worker, WorkerState

from lazytui.core.events import HostsChanged, Notice
from lazytui.errors import LazytuiError
from lazytui.text import sanitize
from lazytui.tui.context import Clock, Context
from lazytui.tui.glyphs import Ascii
from lazytui.tui.keymap import CHANGES, bindings
from lazytui.tui.keys import Keys
from lazytui.tui.look import Look
from lazytui.tui.messages import EngineChanged, changes_in
from lazytui.tui.read_only import TEXT as READ_ONLY
from lazytui.tui.read_only import looking_on
from lazytui.tui.screens.base import RECORDS_SHOWN, EngineScreen
from lazytui.tui.screens.hosts import HostsScreen
from lazytui.tui.styles import sheet_paths
from lazytui.tui.theme import THEMES
from lazytui.tui.toasts import keep_clear
from lazytui.tui.typeahead import TypeAhead
from lazytui.tui.widgets.entry_list import Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from textual.actions import ActionParseResult
    from textual.dom import DOMNode
    from textual.driver import Driver
    from textual.events import Event as TerminalEvent
    from textual.filter import LineFilter
    from textual.notifications import SeverityLevel
    from textual.screen import Screen

    from lazytui.core.events import Event
    from lazytui.program import Ended, Program
    from lazytui.tui.context import EngineView, Residence
    from lazytui.tui.saved import SavedCommands

log = logging.getLogger(__name__)

# At most so many updates of the screens a second, however fast events come.
UPDATES_PER_S = 12


def _tasks(context: Context) -> EngineScreen:
    from lazytui.tui.screens.tasks import TasksScreen

    return TasksScreen(context)


def _events(context: Context) -> EngineScreen:
    from lazytui.tui.screens.events import EventsScreen

    return EventsScreen(context)


def _files(context: Context) -> EngineScreen:
    from lazytui.tui.screens.files import FilesScreen

    return FilesScreen(context)


def _ports(context: Context) -> EngineScreen:
    from lazytui.tui.screens.ports import PortsScreen

    return PortsScreen(context)


def _clusters(context: Context) -> EngineScreen:
    from lazytui.tui.screens.clusters import ClustersScreen

    return ClustersScreen(context)


# The roots, by the mode of Textual that keeps each as it was left. All but the first screen are
# imported when they are asked for: the first paint does not wait for them.
ROOTS: dict[str, Callable[[Context], EngineScreen]] = {
    "hosts": HostsScreen,
    "tasks": _tasks,
    "ports": _ports,
    "files": _files,
    "clusters": _clusters,
    "events": _events,
}


class LazytuiApp(App[None], inherit_bindings=False):
    """One terminal's view of an engine. Several apps may share one engine and one loop.

    Args:
        engine: what is shown and asked.
        clock: the two clocks; tests hand in their own.
        look: how this terminal wants it.
        driver_class: Textual's driver for the terminal; None for its own choice.
        environ: the variables of the terminal; None when it is that of the process.
        folder: where the user is, which relative paths are meant from.
        residence: says that the engine goes on without this terminal.
    """

    TITLE = "lazytui"
    ENABLE_COMMAND_PALETTE = False
    DEFAULT_MODE = "hosts"  # switching to it would read all style sheets again
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
        look: Look | None = None,
        driver_class: type[Driver] | None = None,
        environ: Mapping[str, str] | None = None,
        folder: Path | None = None,
        residence: Residence | None = None,
    ) -> None:
        look = look or Look()
        # Before Textual's own part, which asks for the filters.
        self._look_filters: list[LineFilter] = [Ascii()] if look.ascii else []
        super().__init__(driver_class=driver_class, css_path=[*sheet_paths()])
        self.environ: Mapping[str, str] = os.environ if environ is None else environ
        if environ is not None:
            from lazytui.tui.colours import paint_for

            self._look_filters += paint_for(self, environ)
        elif self.no_color:
            self._look_filters.append(NoColor())
        self.engine = looking_on(engine) if look.read_only else engine
        self.folder = folder or Path.cwd()
        self.residence = residence
        self._told_of_standstill = False
        self.context = Context(
            self.engine,
            clock or Clock(),
            hidden_columns=look.hidden_columns,
            residence=residence,
            read_only=look.read_only,
            folder=folder,
        )
        self.keys = Keys(look.keys)
        self.set_keymap(self.keys.for_textual)
        self._saved: SavedCommands | None = None  # once they are read
        self._key_problems: list[str] = []
        self._type_ahead = TypeAhead(self, self._press)
        for name, root in ROOTS.items():
            self.add_mode(name, partial(root, self.context))
        for theme in THEMES.values():
            self.register_theme(theme)
        self.theme = THEMES[look.theme].name

    async def _process_messages(self, *words: Any, **named: Any) -> None:
        """Run the app; tasks begin at the next turn of the loop, as they always do.

        From Python 3.12 on, Textual has the whole loop begin them at once: the fields of the first
        screen would then look for a screen before there is one, and the engine shares the loop.
        """
        loop = asyncio.get_running_loop()
        eager = getattr(asyncio, "eager_task_factory", None)
        if eager is not None and loop.get_task_factory() is eager:
            loop.set_task_factory(None)
        await super()._process_messages(*words, **named)

    def get_line_filters(self) -> Sequence[LineFilter]:
        """Textual's filters, and those of the look."""
        return [*super().get_line_filters(), *self._look_filters]

    def on_mount(self) -> None:
        """Listen to the engine."""
        self.run_worker(self._follow_engine(), name="events", group="events", exit_on_error=False)
        self.set_interval(1.0, self._tick)
        self._report_keys(self.keys.problems)
        self.run_worker(self._load_saved(), name="saved commands", exit_on_error=False)

    async def _load_saved(self) -> None:
        """Read the saved commands; it and what it needs come after the first paint."""
        from lazytui.tui.saved import SavedCommands

        if self._saved is None:
            self._saved = SavedCommands(self.environ, self._report_keys)
        await self._saved.load()

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
        for screen in self._in_sight():
            screen.post_message(EngineChanged(changes))
        for event in events:
            if isinstance(event, Notice):
                self._notice(event)
            elif isinstance(event, HostsChanged):
                self._rebuild()

    def _notice(self, notice: Notice) -> None:
        severity: SeverityLevel = "warning"
        if notice.severity in ("information", "error"):
            severity = "error" if notice.severity == "error" else "information"
        self.notify(sanitize(notice.text), severity=severity, markup=False)

    def _in_sight(self) -> list[Screen[Any]]:
        """The current screen and, where that is a card, those below it.

        What is under a whole screen hears nothing: it catches up when it is seen again.
        """
        seen: list[Screen[Any]] = []
        for screen in reversed(self.screen_stack):
            seen.append(screen)
            if not screen.is_modal:
                break
        return seen

    def _engine_screens(self) -> list[EngineScreen]:
        return [s for s in self._in_sight() if isinstance(s, EngineScreen) and s.is_mounted]

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

    def report_clashes(self, *scopes: str) -> None:
        """Tell the user, once, of keys of theirs that mean two things on a screen."""
        self._report_keys(self.keys.clashes(*scopes))

    def _report_keys(self, problems: Sequence[str]) -> None:
        for problem in problems:
            if problem not in self._key_problems:
                self._key_problems.append(problem)
                self.notify(sanitize(problem), severity="warning", timeout=15, markup=False)

    async def hand_over(self, program: Program) -> Ended:
        """Let a program have the terminal until it ends; the screen is then back as it was."""
        from lazytui.tui.own_terminal import hand_over

        return await hand_over(self, program)

    # Passing words

    def notify(self, message: str, **options: Any) -> None:
        """Show passing words as Textual does, but clear of the cursor."""
        super().notify(message, **options)
        self._keep_clear()

    def on_line_table_cursor_moved(self) -> None:
        """Make way for the cursor."""
        self._keep_clear()

    def _keep_clear(self) -> None:
        if self.screen_stack:
            keep_clear(self.screen)

    # Keys

    async def on_event(self, event: TerminalEvent) -> None:
        """Do what a key is bound to at once, before the next one is looked at."""
        if isinstance(event, (Key, Paste)) and not event.is_forwarded:
            await self._type_ahead.take(event)
        else:
            await super().on_event(event)

    async def _press(self, event: Key | Paste) -> None:
        if isinstance(event, Key):
            if await self._check_bindings(event.key, priority=True):
                return
            if not self._type_ahead.is_letter(event) and (
                await self._check_bindings(event.key) or self._press_saved(event.key)
            ):
                return
        await super().on_event(event)

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do what a key is bound to; on a terminal that looks on only, nothing that changes."""
        scopes = getattr(default_namespace, "SCOPES", ())
        if self.context.read_only and any((scope, action) in CHANGES for scope in scopes):
            self.notify(READ_ONLY, severity="warning", markup=False)
            return True
        return await super().run_action(action, default_namespace, namespaces)

    def _press_saved(self, key: str) -> bool:
        """Run the saved command that a key stands for; False when there is none."""
        screen = self.screen
        if self._saved is None or not isinstance(screen, EngineScreen):
            return False
        return self._saved.press(key, screen, self.context)

    def on_key(self, event: Key) -> None:
        """A key that nobody took comes back here: what it was bound to has been looked up."""
        event.prevent_default()

    # Keys that work everywhere

    async def action_view_hosts(self) -> None:
        """Go to Hosts."""
        await self.go_to("hosts")

    async def action_view_tasks(self) -> None:
        """Go to Tasks."""
        await self.go_to("tasks")

    async def action_view_ports(self) -> None:
        """Go to Ports."""
        await self.go_to("ports")

    async def action_view_files(self) -> None:
        """Go to Files."""
        await self.go_to("files")

    async def action_view_clusters(self) -> None:
        """Go to Clusters."""
        await self.go_to("clusters")

    async def action_view_log(self) -> None:
        """Go to Events."""
        await self.go_to("events")

    async def go_to(
        self, root: str, *, matching: str | None = None, host: str | None = None
    ) -> None:
        """Show a root as it was left; asked for again, its own page.

        Args:
            root: one of :data:`ROOTS`.
            matching: a filter for its list.
            host: the host that it shall show; by default it stays with its own.
        """
        elsewhere = self.current_mode != root
        if elsewhere:
            await self.switch_mode(root)
        if not elsewhere or host is not None or matching is not None:
            while len(self.screen_stack) > 1:
                # Not awaited: this may run in the messages of the very screen that goes.
                self.pop_screen()
        shown = self.screen_stack[0]
        if matching is not None and hasattr(shown, "set_filter"):
            shown.set_filter(matching)
        elif host is not None and hasattr(shown, "show_for"):
            shown.show_for(host)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say whether a key that works everywhere can do something now."""
        screen = self.screen if self._screen_stack else None
        if not isinstance(screen, EngineScreen):
            return True
        match action:
            case "questions":
                return bool(self.engine.questions)
            case "zoom":
                return screen.zoomed or screen.zoomable() is not None
            case _:
                return True

    def action_questions(self) -> None:
        """Ask the user what the engine wants to know."""
        if isinstance(self.screen, EngineScreen):
            from lazytui.tui.screens.question import Asking

            Asking(self, self.engine).ask()

    def action_zoom(self) -> None:
        """Give the focused panel all the room, or not."""
        if isinstance(self.screen, EngineScreen):
            self.screen.zoom()

    def action_keys(self) -> None:
        """List the keys of the current screen; enter does what one does."""
        if isinstance(self.screen, EngineScreen):
            from lazytui.tui.screens.help import HelpScreen

            saved = self._saved_entries(self.screen)
            heading = [Entry(""), Entry("Saved commands")] if saved else []
            self.push_screen(HelpScreen([*self.screen.entries(), *heading, *saved]), _do)

    def _saved_entries(self, screen: EngineScreen) -> list[Entry]:
        return self._saved.entries(screen, self.context) if self._saved is not None else []

    async def action_custom(self) -> None:
        """Find a saved command, and run it on what the screen is about."""
        screen = self.screen
        if isinstance(screen, EngineScreen):
            from lazytui.tui.screens.palette import PaletteScreen

            await self._load_saved()
            entries = self._saved_entries(screen)
            if entries:
                self.push_screen(PaletteScreen(entries, {}), _do)
            else:
                where = "config.toml: [[commands]], or a on a task"
                self.notify(f"No saved commands for this screen yet ({where})", markup=False)

    def action_palette(self) -> None:
        """Find something to do by its name."""
        if isinstance(self.screen, EngineScreen):
            from lazytui.tui.screens.palette import PaletteScreen

            entries = [entry for entry in self.screen.entries() if entry.do]
            entries += [
                Entry(f"Theme: {name}", do=partial(setattr, self, "theme", theme.name))
                for name, theme in THEMES.items()
            ]
            if self.residence is not None and not self.context.read_only:
                entries.append(Entry("Stop the engine", do=self._ask_to_stop_engine))
            entries += self._saved_entries(self.screen)
            filters = {name: partial(self._filter, name) for name in ROOTS}
            example = "a command, or hosts gpu>=1"
            self.push_screen(PaletteScreen(entries, filters, example=example), _do)

    def _filter(self, root: str, text: str) -> None:
        self.run_worker(self.go_to(root, matching=text), name="filter", exit_on_error=False)

    def action_quit_now(self) -> None:
        """Leave from anywhere; asks when something would stop. Twice means it."""
        from lazytui.tui.screens.leave import LeaveScreen, would_stop

        records = self.engine.runs.records(RECORDS_SHOWN)
        stops = self.engine.needs.reasons()
        stays = self.residence is not None  # the engine, and all that it does
        if stays or isinstance(self.screen, LeaveScreen) or not would_stop(records, stops):
            self.exit()
            return

        def decided(choice: str | None) -> None:
            if choice is not None:
                self.exit()

        self.push_screen(LeaveScreen(records, stops), decided)

    def _ask_to_stop_engine(self) -> None:
        """Say what would stop, and stop the engine when that is meant."""
        from lazytui.tui.screens.leave import STOP, StopEngineScreen

        if (residence := self.residence) is None:
            return

        def decided(choice: str | None) -> None:
            if choice == STOP:
                residence.stop()

        records = self.engine.runs.records(RECORDS_SHOWN)
        stops = self.engine.needs.reasons()
        self.push_screen(StopEngineScreen(records, stops, self.context.others), decided)

    def action_suspend(self) -> None:
        """Give the terminal to the shell, until ``fg``."""
        if not self.suspend_terminal():
            self.notify("no shell here to come back from with fg: ctrl+q quits", markup=False)

    def suspend_terminal(self) -> bool:
        """Stop this process, and its engine with it; False where no shell would take it up again.

        As connections stand still meanwhile, that is said before the first time.
        """
        from lazytui.pump.jobs import can_stop

        if self._driver is None or not self._driver.can_suspend or not can_stop():
            return False
        if self._told_of_standstill:
            from lazytui.tui.own_terminal import stop

            stop(self)
        else:
            self._told_of_standstill = True
            self.notify(
                "ctrl+z again suspends; connections and exposures stand still meanwhile, "
                "as the engine is in this process",
                markup=False,
            )
        return True

    def action_interrupt(self) -> None:
        """Say how to leave; ``ctrl+c`` alone never ends anything."""
        self.notify("ctrl+q quits; what runs on the hosts goes on", markup=False)


def _do(entry: Entry | None) -> None:
    """Do what was chosen from a list."""
    if entry is not None and entry.do is not None:
        entry.do()
