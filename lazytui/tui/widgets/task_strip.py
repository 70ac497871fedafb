"""The last tasks in a few lines, for where there is room below another list."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from rich.cells import cell_len
from textual.message import Message
from textual.widgets import Static

from lazytui.core.model import RunState
from lazytui.core.tasks import fold_task
from lazytui.text import sanitize
from lazytui.tui.widgets.cells import Piece, content_of, place
from lazytui.tui.widgets.columns import Column, fit_columns
from lazytui.tui.widgets.line_table import GAP, joined
from lazytui.tui.widgets.run_table import STATES
from lazytui.tui.widgets.task_words import (
    count_pieces,
    result_pieces,
    task_time,
    where_parts,
    where_pieces,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual import events

    from lazytui.core.model import RunRecord
    from lazytui.core.tasks import TaskView

LINES = 4
WHERE_MOST = 20  # cells


class TaskStrip(Static):
    """What runs, then what ran last, a line each; a click asks for all tasks."""

    class Asked(Message):
        """Somebody wants to see all tasks."""

    def __init__(self, *, id: str) -> None:  # noqa: A002 (Textual's own word)
        super().__init__(id=id, classes="panel")
        self._tasks: Sequence[TaskView] = ()
        self.border_title = content_of([Piece("Tasks", bold=True)])

    @property
    def alive(self) -> bool:
        """A task that is shown has not ended."""
        return any(not task.is_over for task in self._tasks)

    def show(self, records: Sequence[RunRecord], now: float) -> None:
        """Show the tasks of these runs.

        Args:
            records: runs, the newest first.
            now: the time in epoch seconds.
        """
        self._tasks = last_tasks(records)
        self.set_class(bool(self._tasks), "-some")
        counts = Counter(task.state for task in self._tasks)
        alive = [state for state in (RunState.RUNNING, RunState.QUEUED) if counts[state]]
        words = [Piece(f"  {counts[state]} {STATES[state][1]}", "quiet") for state in alive]
        self.border_title = content_of([Piece("Tasks", bold=True), *words])
        self.go_on(now)

    def go_on(self, now: float) -> None:
        """Draw the tasks again: time went on."""
        cells = self.content_size.width
        if cells and self._tasks:
            lines = strip_lines(self._tasks, cells, now)
            pieces = [piece for line in lines for piece in (Piece("\n"), *line)]
            self.update(content_of(pieces[1:]))

    def on_click(self, event: events.Click) -> None:
        """Ask for all tasks."""
        event.stop()
        self.post_message(self.Asked())


def last_tasks(records: Sequence[RunRecord]) -> list[TaskView]:
    """Give what runs, then what ran last: at most :data:`LINES` tasks.

    Args:
        records: runs, the newest task first.
    """
    runs: dict[int, list[RunRecord]] = {}
    for record in records:
        runs.setdefault(record.task_id, []).append(record)
    # Folding is what costs; of those that are over, few can be seen.
    alive = [of for of in runs.values() if not all(run.state.is_final for run in of)]
    over = [of for of in runs.values() if all(run.state.is_final for run in of)]
    return [fold_task(of) for of in [*alive, *over][:LINES]]


def strip_lines(tasks: Sequence[TaskView], cells: int, now: float) -> list[list[Piece]]:
    """Give a line for each task."""
    names = [sanitize(task.name) for task in tasks]
    parts = [where_parts(task.hosts) for task in tasks]
    where = max(sum(cell_len(text) + 1 for text, _ in of) - 1 for of in parts)
    columns = fit_columns(
        (
            Column("task", "", 4, right=True, drop=2),
            Column("what", "", 8, grow_to=max(map(cell_len, names))),
            Column("where", "", max(5, min(where, WHERE_MOST)), drop=1),
            Column("result", "", 9, drop=4),
            Column("time", "", 8, drop=3, right=True),
            Column("state", "", 11, drop=5),
        ),
        cells,
        GAP,
    )
    lines = []
    for task, name, of in zip(tasks, names, parts, strict=True):
        symbol, word, role = STATES[task.state]
        many = len(task.runs) > 1
        content: dict[str, Sequence[Piece]] = {
            "task": [Piece(f"#{task.task_id}", "quiet")],
            "what": [Piece(name, "plain", bold=not task.is_over)],
            "result": count_pieces(task.counts) if many else result_pieces(task, lambda _: None),
            "time": [Piece(task_time(task, now), "quiet")],
            "state": [Piece(f"{symbol} ", role), Piece(word, role)],
        }
        lines.append(
            joined(
                place(
                    where_pieces(of, "", c.width) if c.id == "where" else content[c.id],
                    c.width,
                    right=c.right,
                )
                for c in columns
            )
        )
    return lines
