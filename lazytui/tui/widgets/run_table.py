"""The table of runs: what ran, runs or waits, where, and how it ended."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from rich.cells import cell_len

from lazytui.core.model import RunState
from lazytui.text import duration_text, sanitize
from lazytui.tui.widgets.cells import Piece, place
from lazytui.tui.widgets.columns import Column, fit_columns
from lazytui.tui.widgets.line_table import GAP, LineTable, joined, tail_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lazytui.core.model import RunRecord
    from lazytui.tui.context import Clock

# Symbol, word and role of every state, those that need a look first.
STATES: dict[RunState, tuple[str, str, str]] = {
    RunState.RUNNING: ("▸", "running", "moves"),
    RunState.QUEUED: ("○", "queued", "quiet"),
    RunState.FAILED: ("✗", "failed", "broken"),
    RunState.LOST: ("?", "lost", "attention"),
    RunState.CANCELLED: ("✗", "cancelled", "attention"),
    RunState.SUCCEEDED: ("✓", "done", "fine"),
}


def state_pieces(record: RunRecord) -> list[Piece]:
    """Say the state of a run: a symbol and a word."""
    symbol, word, role = STATES[record.state]
    return [Piece(f"{symbol} ", role), Piece(word, role)]


def result_piece(record: RunRecord) -> Piece:
    """Say how a run ended: its exit status, else the reason in plain words."""
    if record.exit_status is not None:
        role = "broken" if record.state is RunState.FAILED else "quiet"
        return Piece(f"exit {record.exit_status}", role)
    return Piece(sanitize(record.reason), "quiet")


def time_text(record: RunRecord, now: float) -> str:
    """Give how long a run took, or has run so far.

    Args:
        record: the run.
        now: the time in epoch seconds.
    """
    if record.state.is_final:
        return duration_text(record.seconds) if record.seconds is not None else ""
    return duration_text(max(0.0, now - record.started)) if record.started is not None else ""


class RunTable(LineTable):
    """One row a run, newest first."""

    def __init__(self, clock: Clock, *, id: str) -> None:  # noqa: A002 (Textual's own word)
        super().__init__(id=id)
        self._records: dict[str, RunRecord] = {}
        self._clock = clock

    def show(self, records: Sequence[RunRecord]) -> None:
        """Show these runs, newest first."""
        self._records = {record.run_id: record for record in records}
        self.set_keys(self._records)
        self.refresh()

    @property
    def current_record(self) -> RunRecord | None:
        """The run under the cursor."""
        return self._records[self.current] if self.current else None

    @property
    def running(self) -> list[str]:
        """The runs whose time goes on."""
        return [key for key, record in self._records.items() if not record.state.is_final]

    def layout_for(self, cells: int) -> tuple[Column, ...]:
        """Give the command the room that is left."""
        hosts = (cell_len(sanitize(record.host)) for record in self._records.values())
        longest = max((cell_len(sanitize(r.name)) for r in self._records.values()), default=0)
        where = max(5, min(max(hosts, default=0), 12 if cells < 96 else 24))
        columns = (
            Column("task", "task", 5, right=True, drop=2),
            Column("state", "state", 11),
            Column("what", "what", 8, grow_to=max(24, longest)),
            Column("where", "where", where, drop=1),
            Column("result", "result", 9, drop=4, grow_to=cells),
            Column("time", "time", 8, drop=3, right=True),
        )
        return fit_columns(columns, cells, GAP)

    def row(self, key: str, columns: Sequence[Column]) -> Iterable[Piece]:
        """Give the pieces of one run's row; a reason runs on where there is no time to show."""
        record = self._records[key]
        time = time_text(record, self._clock.epoch())
        cells: dict[str, list[Piece]] = {
            "task": [Piece(f"#{record.task_id}", "quiet")],
            "state": state_pieces(record),
            "what": [Piece(sanitize(record.name), bold=not record.state.is_final)],
            "where": [Piece(sanitize(record.host))],
            "result": [result_piece(record)],
            "time": [Piece(time, "quiet")],
        }
        if not time and [column.id for column in columns[-2:]] == ["result", "time"]:
            columns = [*columns[:-2], replace(columns[-2], width=tail_cells(columns[-2:]))]
        return joined(place(cells[c.id], c.width, right=c.right) for c in columns)


def counts(records: Iterable[RunRecord]) -> list[Piece]:
    """Count runs by state, the most important first: ``2 running``, ``1 failed``, ``9 done``."""
    totals = Counter(record.state for record in records)
    return [
        Piece(f"{totals[state]} {word}", role)
        for state, (_, word, role) in STATES.items()
        if totals[state]
    ]


def outcome_pieces(record: RunRecord, now: float) -> list[Piece]:
    """Say in words how a run stands: its state, its exit status, and the reason if there is one.

    Args:
        record: the run.
        now: the time in epoch seconds.
    """
    pieces = state_pieces(record)
    if record.exit_status is not None:
        pieces += [Piece("  "), result_piece(record)]
    if time := time_text(record, now):
        pieces.append(Piece(f"  {'after' if record.state.is_final else 'for'} {time}", "quiet"))
    if record.reason:
        pieces.append(Piece(f"  {sanitize(record.reason)}", "plain"))
    if record.state is RunState.LOST:
        pieces.append(Piece(" · its exit status is not known; the output so far is kept", "quiet"))
    return pieces
