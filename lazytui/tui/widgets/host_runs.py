"""What ran on one host, newest first."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from lazytui.text import age_text, sanitize
from lazytui.tui.widgets.cells import Piece, place
from lazytui.tui.widgets.columns import Column, fit_columns
from lazytui.tui.widgets.line_table import GAP, LineTable, joined
from lazytui.tui.widgets.run_table import result_piece, state_pieces, time_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lazytui.core.model import RunRecord
    from lazytui.tui.context import Clock


class HostRuns(LineTable):
    """One row a run of one host."""

    def __init__(self, clock: Clock, *, id: str) -> None:  # noqa: A002 (Textual's own word)
        super().__init__(id=id)
        self._records: dict[str, RunRecord] = {}
        self._clock = clock
        self.note = [
            Piece("Nothing ran here yet", "quiet"),
            Piece("   r", "keys"),
            Piece(" runs a command", "quiet"),
        ]

    def show(self, records: Sequence[RunRecord]) -> None:
        """Show these runs, newest first."""
        self._records = {record.run_id: record for record in records}
        self.set_keys(self._records)
        self.refresh()

    def layout_for(self, cells: int) -> tuple[Column, ...]:
        """Give the command the room that is left."""
        longest = max((cell_len(sanitize(r.name)) for r in self._records.values()), default=0)
        columns = (
            Column("task", "task", 5, right=True, drop=2),
            Column("state", "state", 11),
            Column("what", "what", 8, grow_to=max(24, longest)),
            Column("result", "result", 9, drop=4, grow_to=24),
            Column("time", "time", 8, drop=3, right=True),
            Column("ago", "ago", 4, drop=1, right=True),
        )
        return fit_columns(columns, cells, GAP)

    def row(self, key: str, columns: Sequence[Column]) -> Iterable[Piece]:
        """Give the pieces of one run's row."""
        record, now = self._records[key], self._clock.epoch()
        cells: dict[str, list[Piece]] = {
            "task": [Piece(f"#{record.task_id}", "quiet")],
            "state": state_pieces(record),
            "what": [Piece(sanitize(record.name), bold=not record.state.is_final)],
            "result": [result_piece(record)],
            "time": [Piece(time_text(record, now), "quiet")],
            "ago": [Piece(age_text(max(0.0, now - record.created)), "quiet")],
        }
        return joined(place(cells[c.id], c.width, right=c.right) for c in columns)
