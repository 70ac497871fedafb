"""Tasks as people look at them: all runs of one folded into a state, counts and times."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.core.model import RunState
from lazytui.core.where import expand

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lazytui.core.model import RunRecord

# What a task is when its runs differ: the first of these that one of them is.
_WEIGHT = (
    RunState.RUNNING,
    RunState.QUEUED,
    RunState.FAILED,
    RunState.LOST,
    RunState.CANCELLED,
    RunState.SUCCEEDED,
)


@dataclass(frozen=True, slots=True)
class TaskView:
    """One task with its runs, in the order of its hosts. Times are epoch seconds.

    ``state`` is what needs a look first: one failed run makes a failed task. A task of which
    some runs are over and others wait is running.
    """

    task_id: int
    name: str
    command: str
    runs: tuple[RunRecord, ...]
    state: RunState
    counts: Mapping[RunState, int]
    created: float
    started: float | None
    ended: float | None

    @property
    def hosts(self) -> tuple[str, ...]:
        """Where it runs."""
        return tuple(run.host for run in self.runs)

    @property
    def alive(self) -> tuple[RunRecord, ...]:
        """The runs that have not ended."""
        return tuple(run for run in self.runs if not run.state.is_final)

    @property
    def is_over(self) -> bool:
        """True when all runs have ended."""
        return self.state.is_final

    @property
    def has_trouble(self) -> bool:
        """True when a run failed or was lost."""
        return bool(self.counts.get(RunState.FAILED) or self.counts.get(RunState.LOST))

    def seconds(self, now: float) -> float | None:
        """Give how long it took, or has taken until ``now``; None where that is not known."""
        end = self.ended if self.is_over else now
        if self.started is None or end is None:
            return None
        return max(0.0, end - self.started)


def fold_task(runs: Sequence[RunRecord]) -> TaskView:
    """Fold the runs of one task, at least one, given in the order of its hosts."""
    first = runs[0]
    counts = Counter(run.state for run in runs)
    state = next(state for state in _WEIGHT if counts[state])
    if state is RunState.QUEUED and len(counts) > 1:
        state = RunState.RUNNING
    ends = [run.ended for run in runs if run.ended is not None]
    return TaskView(
        task_id=first.task_id,
        name=first.name,
        command=first.command,
        runs=tuple(runs),
        state=state,
        counts=counts,
        created=min(run.created for run in runs),
        started=min((run.started for run in runs if run.started is not None), default=None),
        ended=max(ends, default=None) if state.is_final else None,
    )


def hosts_of(runs: Iterable[RunRecord]) -> list[str]:
    """List the hosts of runs, each once; for one that was not placed, those it may run on."""
    names: dict[str, None] = {}
    for run in runs:
        waits = run.state is RunState.QUEUED and not run.placed
        names.update(dict.fromkeys(expand(run.host) if waits else (run.host,)))
    return list(names)


class TaskList:
    """The tasks of the runs that an engine knows. A change costs its own task only."""

    def __init__(self) -> None:
        self._runs: dict[int, dict[str, RunRecord]] = {}
        self._task_of: dict[str, int] = {}
        self._folded: dict[int, TaskView] = {}

    def reset(self, records: Iterable[RunRecord]) -> None:
        """Begin anew with these runs, within each task in the order of its hosts."""
        self._runs.clear()
        self._task_of.clear()
        self._folded.clear()
        for record in records:
            self._put(record)

    def change(self, run_ids: Iterable[str], get: Callable[[str], RunRecord]) -> set[int]:
        """Take in runs that were made, changed or forgotten; give the tasks that differ now.

        Args:
            run_ids: the runs.
            get: gives a run, KeyError for one that is not known any more.
        """
        changed: set[int] = set()
        for run_id in run_ids:
            try:
                changed.add(self._put(get(run_id)))
            except KeyError:
                changed |= self._drop(run_id)
        return changed

    def get(self, task_id: int) -> TaskView | None:
        """Give one task; None when none of its runs is known."""
        task = self._folded.get(task_id)
        if task is None and task_id in self._runs:
            task = self._folded[task_id] = fold_task(list(self._runs[task_id].values()))
        return task

    def newest_first(self) -> list[TaskView]:
        """Give all tasks, the newest first."""
        return [task for number in sorted(self._runs, reverse=True) if (task := self.get(number))]

    def task_of(self, run_id: str) -> int | None:
        """Give the task of a run."""
        return self._task_of.get(run_id)

    def _put(self, record: RunRecord) -> int:
        self._runs.setdefault(record.task_id, {})[record.run_id] = record
        self._task_of[record.run_id] = record.task_id
        self._folded.pop(record.task_id, None)
        return record.task_id

    def _drop(self, run_id: str) -> set[int]:
        task_id = self._task_of.pop(run_id, None)
        if task_id is None:
            return set()
        self._folded.pop(task_id, None)
        del self._runs[task_id][run_id]
        if not self._runs[task_id]:
            del self._runs[task_id]
        return {task_id}
