"""The table of transfers: what goes where, how far it is, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from lazytui.core.model import RunState
from lazytui.text import duration_text, percent, sanitize, size_text
from lazytui.tui.widgets.cells import Piece, place
from lazytui.tui.widgets.columns import Column, fit_columns
from lazytui.tui.widgets.line_table import GAP, LineTable, joined
from lazytui.tui.widgets.run_table import STATES

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lazytui.core.model import RunRecord
    from lazytui.core.transfer.progress import Progress

COLUMNS = (
    Column("what", "what", 12, grow_to=60),
    Column("way", "", 1),
    Column("host", "host", 10, grow_to=24),
    Column("state", "state", 11),
    Column("share", "done", 4, right=True),
    Column("bytes", "bytes", 12, right=True, drop=2),
    Column("rate", "rate", 7, right=True, drop=1),
    Column("left", "left", 8, right=True),
)


class Transfer(NamedTuple):
    """How far a transfer is, and the run that it belongs to, if that is still known."""

    progress: Progress
    run: RunRecord | None

    @property
    def state(self) -> RunState | None:
        """The state of the run; None when it was forgotten."""
        return self.run.state if self.run is not None else None

    @property
    def is_over(self) -> bool:
        """Whether nothing moves any more."""
        return self.progress.phase == "over" or (self.state is not None and self.state.is_final)

    @property
    def can_go_on(self) -> bool:
        """Whether it ended before all was there; what has come is used when it goes on."""
        return self.state in (RunState.FAILED, RunState.CANCELLED, RunState.LOST)


class TransferTable(LineTable):
    """One row a transfer, the newest first."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's own word)
        super().__init__(id=id)
        self._transfers: dict[str, Transfer] = {}

    def show(self, transfers: Sequence[Transfer]) -> None:
        """Show these, given with the newest first."""
        self._transfers = {one.progress.run_id: one for one in transfers}
        self.set_keys(self._transfers)
        self.refresh()

    @property
    def chosen(self) -> list[Transfer]:
        """Those that are marked, or that under the cursor."""
        keys = self.marked or ([self.current] if self.current else [])
        return [self._transfers[key] for key in keys if key in self._transfers]

    @property
    def current_transfer(self) -> Transfer | None:
        """That under the cursor."""
        return self._transfers.get(self.current or "")

    def layout_for(self, cells: int) -> tuple[Column, ...]:
        """Give what is moved the room that is left."""
        return fit_columns(COLUMNS, cells, GAP)

    def row(self, key: str, columns: Sequence[Column]) -> Iterable[Piece]:
        """Give the pieces of a transfer's row."""
        one = self._transfers[key]
        progress = one.progress
        name = progress.source.rstrip("/").rpartition("/")[2] or progress.source
        moves = not one.is_over and progress.phase == "moving"
        cells = {
            "what": Piece(sanitize(name), bold=True),
            "way": Piece("→" if progress.sends else "←", "quiet"),
            "host": Piece(sanitize(progress.host)),
            "state": _state(one),
            "share": _share(one),
            "bytes": Piece(_bytes(progress), "quiet"),
            "rate": Piece(f"{size_text(progress.rate)}/s" if moves else "", "quiet"),
            "left": Piece(_left(one), "quiet"),
        }
        return joined(place([cells[c.id]], c.width, right=c.right) for c in columns)


def _state(one: Transfer) -> Piece:
    if one.state is not None and (one.is_over or one.state is RunState.QUEUED):
        symbol, word, role = STATES[one.state]
        return Piece(f"{symbol} {word}", role)
    return Piece(f"▸ {one.progress.phase}" if not one.is_over else "over", "moves")


def _share(one: Transfer) -> Piece:
    progress = one.progress
    if one.state is RunState.SUCCEEDED:
        return Piece("100%", "quiet")
    share = min(1.0, progress.done / progress.total) if progress.total else None
    return Piece(percent(share) if share is not None else "", "quiet" if one.is_over else "moves")


def _bytes(progress: Progress) -> str:
    if not progress.total:
        return ""
    return f"{size_text(progress.done)}/{size_text(progress.total)}"


def _left(one: Transfer) -> str:
    if one.is_over:
        return duration_text(one.progress.seconds)
    return duration_text(one.progress.seconds_left) if one.progress.seconds_left else ""
