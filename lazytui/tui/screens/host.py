"""One host: what it is and how loaded, what ran on it, how the connection came about."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lazytui.core.model import HostState
from lazytui.text import sanitize
from lazytui.tui.clipboard import copy
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.base import RECORDS_SHOWN, EngineScreen
from lazytui.tui.screens.output import OutputScreen
from lazytui.tui.screens.run_prompt import ask_run
from lazytui.tui.widgets.cells import Piece, place
from lazytui.tui.widgets.host_cells import state_piece
from lazytui.tui.widgets.host_panel import fact_rows, meter_rows, wrapped
from lazytui.tui.widgets.host_runs import HostRuns
from lazytui.tui.widgets.host_trouble import log_rows, ssh_line, trouble_rows
from lazytui.tui.widgets.reading import Reading
from lazytui.tui.widgets.tab_row import TabRow

if TYPE_CHECKING:
    from textual import events
    from textual.app import ComposeResult
    from textual.widget import Widget

    from lazytui.core.model import RunRecord
    from lazytui.tui.context import Context, RuntimeView
    from lazytui.tui.messages import Changes
    from lazytui.tui.widgets.cells import Row

UNREAD = "the connection log is empty: nothing was tried yet"


class HostScreen(EngineScreen):
    """All about one host, in three tabs; for one that is inactive, what can be done about it.

    Follows the changes of the host and of its runs.

    Args:
        context: of the app.
        host: the alias.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("host", "page", "list", "global")
    SAVED_FOR = "hosts"
    BINDINGS = bindings("host", "page")

    def __init__(self, context: Context, host: str) -> None:
        super().__init__(context)
        self.host = host
        self._tab = 0
        self._cells = 1
        self._tabs = TabRow()
        self._overview = Reading(id="host-overview")
        self._runs = HostRuns(self.clock, id="host-runs")
        self._log = Reading(id="host-log")
        self._parts: tuple[Widget, ...] = (self._overview, self._runs, self._log)
        self._show_part()

    def compose(self) -> ComposeResult:
        """Lay out header, tabs, what is seen of them, and keys."""
        yield self.header
        yield self._tabs
        yield from self._parts
        yield self.key_bar

    # What is seen

    def rebuild(self) -> None:
        """Show the host as it is now."""
        runtime = self._runtime
        records = self._records()
        self._tabs.show(("overview", f"tasks {len(records)}", "connection log"), self._tab)
        way = [Piece("Hosts › ", "quiet"), Piece(sanitize(self.host), bold=True)]
        if runtime is None:
            self.header.way(way, [Piece("no longer in the ssh config", "attention")])
        else:
            now = self.clock.monotonic()
            self.header.way(way, state_piece(runtime, now))
            self._overview.show(self._overview_rows(runtime, self._cells))
            self._log.show(log_rows(runtime, self._cells) or [[Piece(UNREAD, "quiet")]])
        self._runs.show(records)
        self.show_keys()

    def show_changes(self, changes: Changes) -> None:
        """Show what changed of the host, or of its runs."""
        if self.host in changes.hosts or changes.runs or changes.questions:
            self.rebuild()

    def on_resize(self, event: events.Resize) -> None:
        """Lay the rows out anew, with a margin on both sides and room for a scroll bar."""
        self._cells = max(1, event.size.width - 5)
        self.rebuild()

    @property
    def target(self) -> str | None:
        """The host it is about."""
        return self.host

    @property
    def _runtime(self) -> RuntimeView | None:
        return self.engine.runtimes.get(self.host)

    def _records(self) -> list[RunRecord]:
        records = self.engine.runs.records(RECORDS_SHOWN)
        return [record for record in records if record.host == self.host]

    @property
    def _ssh_line(self) -> str:
        return ssh_line(self.host, self.engine.config_path)

    def _overview_rows(self, runtime: RuntimeView, cells: int) -> list[Row]:
        since = max(0.0, self.clock.monotonic() - runtime.since)
        if runtime.state is HostState.INACTIVE and runtime.question is None:
            return trouble_rows(runtime, since, self._ssh_line, cells)
        rows: list[Row] = []
        if runtime.reason:
            rows += [*wrapped(sanitize(runtime.reason), cells, "attention"), []]
        meters = meter_rows(runtime, cells)
        rows += [*meters, []] if meters else []
        rows += fact_rows(runtime, cells)
        if runtime.latency_ms is not None:
            took = f"{runtime.latency_ms:.0f} ms there and back"
            rows.append(place([Piece("     ", "quiet"), Piece(took, "quiet")], cells))
        return rows

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Say whether a key can do something now."""
        if not self.is_mounted:
            return True
        match action:
            case "run" | "refresh" | "shell":
                return self._runtime is not None
            case "logs":
                return self._run_here() is not None
            case _:
                return True

    def on_tab_row_chosen(self, message: TabRow.Chosen) -> None:
        """Show the tab that was clicked."""
        self._choose(message.index)

    def on_line_table_cursor_moved(self) -> None:
        """The keys may be others."""
        self.show_keys()

    def on_line_table_opened(self) -> None:
        """Show the output of the run that was double clicked."""
        self.action_logs()

    def _choose(self, tab: int) -> None:
        self._tab = tab % len(self._parts)
        self._show_part()
        self.set_focus(self._parts[self._tab])
        self.rebuild()

    def _show_part(self) -> None:
        for index, part in enumerate(self._parts):
            part.display = index == self._tab

    def action_tab_next(self) -> None:
        """Show the next tab."""
        self._choose(self._tab + 1)

    def action_tab_prev(self) -> None:
        """Show the tab before."""
        self._choose(self._tab - 1)

    def _run_here(self) -> str | None:
        """Give the run that ``l`` shows: the one under the cursor, else the last one."""
        if self._parts[self._tab] is self._runs:
            return self._runs.current
        return next((record.run_id for record in self._records()), None)

    async def action_ports(self) -> None:
        """Go to the exposed ports of this host."""
        await self.show_host("ports", self.host)

    async def action_files(self) -> None:
        """Go to the files of this host."""
        await self.show_host("files", self.host)

    def action_logs(self) -> None:
        """Show the output of a run."""
        if run := self._run_here():
            self.open(OutputScreen(self.context, run))

    def action_run(self) -> None:
        """Ask for a command for this host."""
        ask_run(self, self.context, [self.host])

    def action_shell(self) -> None:
        """Open a shell on the host."""
        from lazytui.tui.shell import ask_shell

        ask_shell(self, self.host)

    def action_refresh(self) -> None:
        """Try the host again now."""
        self.intend(self.engine.refresh([self.host]), "refresh")

    def action_copy(self) -> None:
        """Copy the ssh command."""
        self.notify(copy(self.app, self._ssh_line), markup=False)

    def action_back(self) -> None:
        """Go back to the table."""
        self.dismiss()
