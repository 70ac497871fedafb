"""Tasks: what runs, waits and ran."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.containers import Vertical
from textual.widgets import Static

from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.base import RECORDS_SHOWN, EngineScreen
from lazytui.tui.screens.output import OutputScreen
from lazytui.tui.screens.stopping import Stopping
from lazytui.tui.widgets.bars import Bar
from lazytui.tui.widgets.cells import Piece, content_of
from lazytui.tui.widgets.run_table import RunTable, counts, outcome_pieces

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from lazytui.tui.context import Context
    from lazytui.tui.messages import Changes


EMPTY = (
    Piece("No tasks yet\n\n", bold=True),
    Piece("r", "keys"),
    Piece(" on a host runs a command there: try ", "quiet"),
    Piece("uptime"),
)


class TasksScreen(Stopping, EngineScreen):
    """The runs of all tasks, newest first, with two rows on the current one.

    Follows every change of a run.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("tasks", "tab", "list", "global")
    BINDINGS = bindings("tasks", "tab")

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.table = RunTable(self.clock, id="runs")
        self._empty = Vertical(Static(content_of(EMPTY)), id="empty")
        self._details = Bar(id="details", classes="ruled")
        self._status = Bar(id="status", classes="ruled")

    def compose(self) -> ComposeResult:
        """Lay out header, table, details, status and keys."""
        yield self.header
        yield self.table
        yield self._empty
        yield self._details
        yield self._status
        yield self.key_bar

    def rebuild(self) -> None:
        """Show the runs as they are now."""
        records = self.engine.runs.records(RECORDS_SHOWN)
        self.table.show(records)
        self.table.display = bool(records)
        self._empty.display = not records
        self.header.tabs("Tasks", counts(records))
        self._show_current()

    def tick(self) -> None:
        """Let the times of running runs go on."""
        self.table.rows_changed(self.table.running)
        self._show_current()

    def show_changes(self, changes: Changes) -> None:
        """Show the runs again when one of them changed."""
        if changes.runs:
            self.rebuild()

    def _show_current(self) -> None:
        record = self.table.current_record
        self._details.set_class(record is None, "-empty")
        if record is not None:
            command = [Piece(sanitize(record.command, max_chars=500), bold=True)]
            self._details.show((command, ()), (outcome_pieces(record, self.clock.epoch()), ()))
        total = len(self.table.keys)
        place = f"{self.table.cursor + 1} of {total}" if total else ""
        self._status.show(((), [Piece(place, "quiet")]))
        self.show_keys()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say whether a key can do something now; the key bar shows only those."""
        if not self.is_mounted:
            return True
        record = self.table.current_record
        match action:
            case "open":
                return record is not None
            case "stop":
                return record is not None and not record.state.is_final
            case _:
                return True

    def on_line_table_cursor_moved(self) -> None:
        """Tell about the run the cursor came to."""
        self._show_current()

    def on_line_table_opened(self) -> None:
        """A double click opens the output."""
        self.action_open()

    def action_open(self) -> None:
        """Show the output of the current run."""
        if self.table.current:
            self.open(OutputScreen(self.context, self.table.current))

    def action_stop(self) -> None:
        """Ask how to stop the current run."""
        if record := self.table.current_record:
            self.ask_to_stop(record)

    async def action_back(self) -> None:
        """Go to Hosts."""
        await self.app.run_action("view_hosts")

    def action_quit(self) -> None:
        """Leave the program."""
        self.app.exit()
