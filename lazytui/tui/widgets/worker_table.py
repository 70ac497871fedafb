"""The workers of one cluster: where they are, what they have and do, why one does not work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len

from lazytui.core.cluster_model import WorkerState
from lazytui.text import sanitize, size_text
from lazytui.tui.widgets.cells import Piece, place
from lazytui.tui.widgets.cluster_words import (
    UNKNOWN,
    WORKER_STATES,
    retry_text,
    seen_text,
    trouble_text,
)
from lazytui.tui.widgets.columns import Column, fit_columns
from lazytui.tui.widgets.line_table import GAP, LineTable, joined, tail_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lazytui.core.cluster_model import ClusterWorker
    from lazytui.tui.context import Clock

_BESIDE = 37  # cells of numbers and gaps that a reason runs over, beside what a worker does
_WORDS = ("worker", "host", "seen")  # what a worker has that does not run; between is the reason


class WorkerTable(LineTable):
    """One row a worker, in the order in which they were started."""

    def __init__(self, clock: Clock, *, id: str) -> None:  # noqa: A002 (Textual's own word)
        super().__init__(id=id)
        self._clock = clock
        self._shown: dict[str, ClusterWorker] = {}

    def show(self, workers: Sequence[ClusterWorker]) -> None:
        """Show these workers."""
        self._shown = {each.name: each for each in workers}
        self.set_keys(self._shown)
        self._layout_width = -1
        self.refresh()

    @property
    def shows_cursor(self) -> bool:
        """The cursor is that of the clusters while the keys are for them."""
        return self.has_focus

    def on_focus(self) -> None:
        """Show the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Hide it."""
        self.refresh()

    @property
    def current_worker(self) -> ClusterWorker | None:
        """The worker under the cursor."""
        return self._shown.get(self.current or "")

    def layout_for(self, cells: int) -> tuple[Column, ...]:
        """Give what a worker does the room that is left."""
        shown = self._shown.values()
        name = max((cell_len(sanitize(each.name)) for each in shown), default=0)
        host = max((cell_len(sanitize(each.host)) for each in shown), default=0)
        doing = max((cell_len(sanitize(each.doing)) for each in shown), default=0)
        trouble = max((cell_len(trouble_text(each)) for each in shown if each.reason), default=0)
        columns = (
            Column("worker", "worker", max(6, min(name + 2, 14)), grow_to=min(name + 2, 24)),
            Column("host", "host", max(5, min(host, 12)), grow_to=min(host, 24)),
            Column("threads", "threads", 7, drop=3, right=True),
            Column("memory", "memory", 9, drop=2, right=True),
            Column("cpu", "cpu", 5, drop=1, right=True),
            Column(
                "doing", "doing", 12, drop=1, grow_to=max(20, min(doing, 60), trouble - _BESIDE)
            ),
            Column("again", "restarts", 8, drop=4, right=True),
            Column("seen", "last seen", 10),
        )
        return fit_columns(columns, cells, GAP)

    def row(self, key: str, columns: Sequence[Column]) -> Iterable[Piece]:
        """Give the pieces of a row: what it does, or why it does not."""
        each = self._shown[key]
        symbol, role = WORKER_STATES[each.state]
        cells: dict[str, Sequence[Piece]] = {
            "worker": [Piece(f"{symbol} ", role), Piece(sanitize(each.name), bold=True)],
            "host": [Piece(sanitize(each.host))],
        }
        if each.state is not WorkerState.RUNNING:
            return self._trouble(each, columns, cells, role)
        cells |= {
            "threads": [Piece(str(each.threads) if each.threads else UNKNOWN)],
            "memory": [Piece(_memory(each))],
            "cpu": [Piece(UNKNOWN if each.cpu is None else f"{each.cpu:.0f}%")],
            "doing": [Piece(sanitize(each.doing), "quiet" if each.doing == "idle" else "moves")],
            "again": [Piece(str(each.restarts), "attention" if each.restarts else "quiet")],
            "seen": [Piece(seen_text(each, self._clock.epoch()), "quiet")],
        }
        return joined(place(cells[c.id], c.width, right=c.right) for c in columns)

    def _trouble(
        self,
        each: ClusterWorker,
        columns: Sequence[Column],
        cells: dict[str, Sequence[Piece]],
        role: str,
    ) -> Iterable[Piece]:
        middle = [column for column in columns if column.id not in _WORDS]
        ends = {column.id: column for column in columns}
        filled = [place(cells[name], ends[name].width) for name in _WORDS[:2] if name in ends]
        if middle:
            filled.append(place([Piece(trouble_text(each), role)], tail_cells(middle)))
        if "seen" in ends:
            last = retry_text(each, self._clock.monotonic())
            seen = (
                Piece(last, role) if last else Piece(seen_text(each, self._clock.epoch()), "quiet")
            )
            filled.append(place([seen], ends["seen"].width))
        return joined(filled)


def _memory(worker: ClusterWorker) -> str:
    if worker.memory is None:
        return UNKNOWN
    used = size_text(worker.memory)
    return used if worker.memory_limit is None else f"{used}/{size_text(worker.memory_limit)}"
