"""Hosts: who is there, how loaded, why not; and where a command starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.widgets import Static

from lazytui.core.model import HostState
from lazytui.core.where import fold
from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.base import RECORDS_SHOWN, EngineScreen
from lazytui.tui.screens.output import OutputScreen
from lazytui.tui.screens.question import QuestionScreen
from lazytui.tui.screens.run_prompt import Draft, RunPrompt
from lazytui.tui.widgets.bars import Bar, banner_pieces
from lazytui.tui.widgets.cells import Piece, content_of
from lazytui.tui.widgets.host_details import (
    age_pieces,
    empty_pieces,
    fact_pieces,
    place_pieces,
    run_pieces,
)
from lazytui.tui.widgets.host_table import HostTable, counts
from lazytui.tui.widgets.run_table import time_text

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from lazytui.core.model import RunRecord
    from lazytui.tui.context import Context, RuntimeView
    from lazytui.tui.messages import Changes


class HostsScreen(EngineScreen):
    """The table of hosts with two rows on the current one.

    Follows every change of a host, of runs (the last one is shown) and of questions.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("hosts", "tab", "list", "global")
    BINDINGS = bindings("hosts", "tab")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self._draft = ""
        self.table = HostTable(self.engine.runtimes, self.clock, id="hosts")
        self._banner = Bar(id="banner")
        self._empty = Vertical(
            Static(content_of(empty_pieces(sanitize(self.engine.config_path)))), id="empty"
        )
        self._details = Bar(id="details", classes="ruled")
        self._status = Bar(id="status", classes="ruled")

    def compose(self) -> ComposeResult:
        """Lay out header, banner, table, details, status and keys."""
        yield self.header
        yield self._banner
        yield self.table
        yield self._empty
        yield self._details
        yield self._status
        yield self.key_bar

    # What is seen

    def rebuild(self) -> None:
        """Show all hosts as they are now."""
        self.table.set_keys(self.engine.runtimes)
        self.table.refresh()
        self._show_surroundings()

    def tick(self) -> None:
        """Let ages and waits go on."""
        waiting = (HostState.STALE, HostState.INACTIVE)
        runtimes = self.engine.runtimes.values()
        self.table.rows_changed(r.host for r in runtimes if r.state in waiting)
        self._show_current()

    def show_changes(self, changes: Changes) -> None:
        """Draw the changed rows that are in sight."""
        self.table.set_keys(self.engine.runtimes)
        self.table.rows_changed(changes.hosts)
        self._show_surroundings()

    def _show_surroundings(self) -> None:
        runtimes = self.engine.runtimes
        self.header.tabs("Hosts", counts(runtimes.values()))
        problems = [sanitize(str(problem)) for problem in self.engine.problems]
        self._banner.display = bool(problems)
        if problems:
            self._banner.show((banner_pieces(problems), ()))
        self._empty.display = not runtimes
        self.table.display = bool(runtimes)
        self._show_current()

    def _show_current(self) -> None:
        runtime = self._current()
        self._details.set_class(runtime is None, "-empty")
        if runtime is not None:
            last = self._last_run(runtime.host)
            run = run_pieces(last, time_text(last, self.clock.epoch())) if last else []
            age = age_pieces(runtime, self.clock.monotonic())
            self._details.show((fact_pieces(runtime), age), (place_pieces(runtime), run))
        self._status.show((self._waiting(), self._marked()))
        self.show_keys()

    def _waiting(self) -> list[Piece]:
        waiting = len(self.engine.questions)
        if not waiting:
            return []
        text = "1 question waits" if waiting == 1 else f"{waiting} questions wait"
        return [Piece("◆ ", "attention"), Piece(text, "attention")]

    def _marked(self) -> list[Piece]:
        marked, total = self.table.marked, len(self.table.keys)
        place = f"{self.table.cursor + 1} of {total}" if total else ""
        if not marked:
            return [Piece(place, "quiet")]
        return [
            Piece(f"{len(marked)} marked ", "keys"),
            Piece(sanitize(fold(marked))),
            Piece(f"   {place}", "quiet"),
        ]

    # What the keys work on

    def _current(self) -> RuntimeView | None:
        host = self.table.current
        return self.engine.runtimes.get(host) if host else None

    def _targets(self) -> list[str]:
        current = self.table.current
        return self.table.marked or ([current] if current else [])

    def _last_run(self, host: str) -> RunRecord | None:
        records = self.engine.runs.records(RECORDS_SHOWN)
        return next((record for record in records if record.host == host), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say whether a key can do something now; the key bar shows only those."""
        if not self.is_mounted:
            return True
        current = self.table.current
        match action:
            case "run" | "refresh" | "mark" | "mark_all":
                return current is not None
            case "logs":
                return current is not None and self._last_run(current) is not None
            case "questions":
                return bool(self.engine.questions)
            case "back":
                return bool(self.table.marked)
            case _:
                return True

    def on_line_table_cursor_moved(self) -> None:
        """Tell about the host the cursor came to."""
        self._show_current()

    def on_line_table_marks_changed(self) -> None:
        """Count the marks."""
        self._show_current()

    def on_line_table_opened(self) -> None:
        """Do on a double click what ``l`` does."""
        current = self.table.current
        if current and self._last_run(current):
            self.action_logs()

    # Keys

    def action_run(self) -> None:
        """Ask for a command for the marked hosts, or the current one."""
        hosts = self._targets()
        down = [h for h in hosts if self.engine.runtimes[h].state is not HostState.ACTIVE]

        def decided(draft: Draft | None) -> None:
            self._draft = draft.text if draft else ""
            if draft and draft.submitted:
                self._draft = ""
                self.intend(self._run_command(draft.text, hosts), "run")

        self.open(RunPrompt(hosts, down, self._draft), decided)

    async def _run_command(self, command: str, hosts: list[str]) -> None:
        records = await self.engine.run_command(command, hosts)
        # Whoever went elsewhere in the meantime is not called back.
        if self.app.screen is not self or not records:
            return
        if len(records) == 1:
            self.open(OutputScreen(self.context, records[0].run_id))
        else:
            await self.app.run_action("view_tasks")

    def action_logs(self) -> None:
        """Show the output of the last run on the current host."""
        current = self.table.current
        if current and (last := self._last_run(current)):
            self.open(OutputScreen(self.context, last.run_id))

    def action_questions(self) -> None:
        """Ask the user the first question that waits; the others follow."""
        if not self.engine.questions:
            return
        question = self.engine.questions[0]

        def decided(choice: str | None) -> None:
            if choice is None:
                return
            self.engine.answer(question.id, choice)
            self.action_questions()

        self.open(QuestionScreen(self.engine, question), decided)

    def action_refresh(self) -> None:
        """Ask the marked hosts, or the current one, again now."""
        self.intend(self.engine.refresh(self._targets()), "refresh")

    def action_mark(self) -> None:
        """Mark the current host and go on to the next."""
        if self.table.current:
            self.table.toggle_mark(self.table.current)
            self.table.action_cursor_down()

    def action_mark_all(self) -> None:
        """Mark all hosts, or none."""
        self.table.mark_all()

    def action_back(self) -> None:
        """Take the marks away; Hosts itself is the root."""
        self.table.clear_marks()

    def action_quit(self) -> None:
        """Leave the program."""
        self.app.exit()
