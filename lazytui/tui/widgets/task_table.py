"""The table of tasks: what waits, runs and ran, where, and how it went."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.cells import cell_len

from lazytui.text import age_text, sanitize
from lazytui.tui.widgets.cells import Piece, place, width_of
from lazytui.tui.widgets.columns import Column, fit_columns
from lazytui.tui.widgets.line_table import GAP, LineTable, joined, tail_cells
from lazytui.tui.widgets.run_table import STATES
from lazytui.tui.widgets.task_words import (
    count_pieces,
    day_of,
    day_text,
    result_pieces,
    task_time,
    where_parts,
    where_pieces,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lazytui.core.tasks import TaskView
    from lazytui.tui.context import Clock
    from lazytui.tui.widgets.task_words import ProgressOf

_DAY = "day "  # begins the key of a row that names a day; those of tasks are numbers
_NARROW = 96  # cells; below it hosts get little room
_RESULT = (9, 20)  # cells of a result, at least and at most where there is no more room


@dataclass(frozen=True, slots=True)
class SortBy:
    """One way to sort tasks; ``value`` is None for the newest first, with their days."""

    text: str
    column: str
    value: Callable[[TaskView, float], object] | None = None


def _state(task: TaskView, now: float) -> object:
    del now
    return list(STATES).index(task.state)


SORTS: dict[str, SortBy] = {
    "n": SortBy("newest first", "task"),
    "s": SortBy("state: what runs, then what failed", "state", _state),
    "c": SortBy("command", "what", lambda task, _: task.name.casefold()),
    "h": SortBy("number of hosts", "where", lambda task, _: -len(task.runs)),
    "t": SortBy("time taken", "time", lambda task, now: -(task.seconds(now) or 0.0)),
}


class TaskTable(LineTable):
    """One row a task. Sorted by age, a row before each older day names it."""

    def __init__(self, clock: Clock, progress: ProgressOf, *, id: str) -> None:  # noqa: A002
        super().__init__(id=id)
        self.sort = "n"
        self.reverse = False
        self._clock = clock
        self._progress = progress
        self._tasks: dict[str, TaskView] = {}
        self._days: dict[str, str] = {}
        self._groups: dict[frozenset[str], str] = {}
        self._where: dict[tuple[int, int], tuple[list[tuple[str, int]], str]] = {}

    # Rows

    def show(self, tasks: Sequence[TaskView]) -> None:
        """Show these tasks, given with the newest first."""
        now = self._clock.epoch()
        way = SORTS[self.sort]
        if way.value is not None:
            value = way.value
            tasks = sorted(tasks, key=lambda task: value(task, now))  # type: ignore[arg-type,return-value]
        ordered = list(reversed(tasks) if self.reverse else tasks)
        self._tasks = {str(task.task_id): task for task in ordered}
        self._days.clear()
        self.set_keys(list(self._tasks) if way.value else self._with_days(ordered, now))
        self._layout_width = -1
        self.refresh()

    def set_groups(self, groups: Mapping[str, Sequence[str]]) -> None:
        """Take in the groups: hosts that are all of one are shown by its name."""
        self._groups = {frozenset(hosts): name for name, hosts in groups.items() if hosts}
        self._where.clear()
        self._layout_width = -1
        self.refresh()

    def _with_days(self, tasks: Iterable[TaskView], now: float) -> list[str]:
        keys: list[str] = []
        before = day_of(now)
        for task in tasks:
            day = day_of(task.created)
            if day != before:
                key = f"{_DAY}{day}"
                self._days[key] = day_text(task.created, now) or "today"
                keys.append(key)
                before = day
            keys.append(str(task.task_id))
        return keys

    @property
    def tasks(self) -> list[TaskView]:
        """The tasks in the order of their rows."""
        return list(self._tasks.values())

    @property
    def current_task(self) -> TaskView | None:
        """The task under the cursor."""
        return self._tasks.get(self.current or "")

    @property
    def chosen(self) -> list[TaskView]:
        """The marked tasks; without marks the current one."""
        marked = [self._tasks[key] for key in self.marked if key in self._tasks]
        current = self.current_task
        return marked or ([current] if current else [])

    @property
    def alive(self) -> list[str]:
        """The rows whose time goes on."""
        return [key for key, task in self._tasks.items() if not task.is_over]

    @property
    def place(self) -> int:
        """The place of the current task among the tasks, 1 for the first; 0 without one."""
        days = sum(key in self._days for key in self.keys[: self.cursor])
        return self.cursor - days + 1 if self.current_task else 0

    def set_keys(self, keys: Iterable[str]) -> None:
        """Replace the rows; the cursor is never left on a day."""
        super().set_keys(keys)
        if self.current in self._days:
            self.move_cursor(self.cursor + 1)

    def move_cursor(self, place: int) -> None:
        """Put the cursor on a task, past the row of a day."""
        place = max(0, min(place, len(self.keys) - 1))
        if self.keys and self.keys[place] in self._days:
            # A task follows every day, and none stands above the first.
            place += 1 if place >= self.cursor or place == 0 else -1
        super().move_cursor(place)
        if self.cursor == 1 and self.keys[0] in self._days:
            self.scroll_to(y=0, animate=False)

    def members(self, key: str) -> Sequence[str]:
        """A day stands for nothing that could be marked."""
        return () if key in self._days else (key,)

    def markable(self) -> Iterable[str]:
        """Give the tasks."""
        return self._tasks

    # Drawing

    def layout_for(self, cells: int) -> tuple[Column, ...]:
        """Give the command the room that is left."""
        tasks = self._tasks.values()
        longest = max((cell_len(sanitize(task.name)) for task in tasks), default=0)
        least, most = _RESULT
        # Counts are shown whole; a reason may be cut, the details have all of it.
        counts = (width_of(count_pieces(task.counts)) for task in tasks if len(task.runs) > 1)
        result = max(least, min(max(counts, default=0), most))
        where = max((self._where_width(task) for task in tasks), default=0)
        narrow = cells < _NARROW
        columns = (
            Column("task", "task", 5, right=True, drop=2),
            Column("state", "state", 11),
            Column("what", "what", 8, grow_to=max(24, min(longest, cells // 2))),
            Column("where", "where", max(5, min(where, 14 if narrow else cells // 5)), drop=1),
            Column("result", "result", result, drop=4, grow_to=cells),
            Column("time", "time", 8, drop=3, right=True),
            *(() if narrow else (Column("age", "age", 4, drop=5, right=True),)),
        )
        here = SORTS[self.sort].column
        arrow = "▲" if self.reverse else "▼"
        return fit_columns(
            tuple(replace(c, arrow=arrow) if c.id == here else c for c in columns), cells, GAP
        )

    def row(self, key: str, columns: Sequence[Column]) -> Iterable[Piece]:
        """Give the pieces of a row; a reason runs on where there is no time to show."""
        if key in self._days:
            return [Piece("── ", "faint"), Piece(self._days[key], "quiet"), Piece(" ──", "faint")]
        task = self._tasks[key]
        symbol, word, role = STATES[task.state]
        now = self._clock.epoch()
        spent = task_time(task, now)
        cells: dict[str, Sequence[Piece]] = {
            "task": [Piece(f"#{key}", "quiet")],
            "state": [Piece(f"{symbol} ", role), Piece(word, role)],
            "what": [Piece(sanitize(task.name), bold=not task.is_over)],
            "result": result_pieces(task, self._progress),
            "time": [Piece(spent, "quiet")],
            "age": [Piece(age_text(now - task.created), "quiet")],
        }
        ids = [column.id for column in columns]
        if not spent and "result" in ids and "time" in ids:
            at = ids.index("result")
            wider = replace(columns[at], width=tail_cells(columns[at : at + 2]))
            columns = [*columns[:at], wider, *columns[at + 2 :]]
        return joined(
            place(
                self._where_pieces(task, c.width) if c.id == "where" else cells[c.id],
                c.width,
                right=c.right,
            )
            for c in columns
        )

    def _where_pieces(self, task: TaskView, cells: int) -> list[Piece]:
        parts, group = self._where_of(task)
        return where_pieces(parts, group, cells)

    def _where_width(self, task: TaskView) -> int:
        parts, group = self._where_of(task)
        if group:
            return 1 + cell_len(sanitize(group))
        return sum(cell_len(text) + 1 for text, _ in parts) - 1

    def _where_of(self, task: TaskView) -> tuple[list[tuple[str, int]], str]:
        """Fold the hosts of a task and find its group, once: hosts never change, but may come."""
        key = (task.task_id, len(task.runs))
        found = self._where.get(key)
        if found is None:
            group = self._groups.get(frozenset(task.hosts), "") if self._groups else ""
            found = self._where[key] = (where_parts(task.hosts), group)
        return found


def task_counts(tasks: Iterable[TaskView]) -> list[Piece]:
    """Count tasks by state, the most important first: ``2 running``, ``1 failed``, ``9 done``."""
    totals = dict.fromkeys(STATES, 0)
    for task in tasks:
        totals[task.state] += 1
    return [
        Piece(f"{totals[state]} {word}", role)
        for state, (_, word, role) in STATES.items()
        if totals[state]
    ]
