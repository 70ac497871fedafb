"""The steps of a run as they are shown: what each does, how far it is, where its output is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.core.model import RunState
from lazytui.core.step import from_step, step_title
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from lazytui.core.journal_db import StepRecord
    from lazytui.core.model import RunRecord


@dataclass(frozen=True, slots=True)
class RunStep:
    """One step of a run.

    Args:
        number: its place in the task, from 0.
        verb: its kind as people call it: ``run_command``.
        title: what it does, in words, filled in for its host once it was begun.
        state: None while it was not begun.
        exit_status: of its command, once that has ended.
        start: where in the spool its output begins, in bytes; None while it was not begun.
        began: in epoch seconds of the manager; None where it was not noted.
        ended: the same.
    """

    number: int
    verb: str
    title: str
    state: RunState | None = None
    exit_status: int | None = None
    start: int | None = None
    began: float | None = None
    ended: float | None = None

    @property
    def is_running(self) -> bool:
        """Whether it goes on just now."""
        return self.state is RunState.RUNNING

    def seconds(self, now: float) -> float | None:
        """How long it took, or has taken so far; None where that is not known."""
        end = now if self.is_running else self.ended
        return None if self.began is None or end is None else max(0.0, end - self.began)


def steps_of(
    run: RunRecord, steps: Sequence[Mapping[str, Any]], begun: Sequence[StepRecord]
) -> list[RunStep]:
    """Put together what the journal knows of the steps of a run.

    Args:
        run: as it is now.
        steps: of its task.
        begun: those that were begun.
    """
    found = {record.step: record for record in begun}
    return [_step(run, at, step, found.get(at)) for at, step in enumerate(steps)]


def _step(
    run: RunRecord, number: int, step: Mapping[str, Any], record: StepRecord | None
) -> RunStep:
    if record is None:
        return RunStep(number, _verb(step), step_title(step))
    state, ended = record.state, record.ended
    if run.state.is_final and not state.is_final:  # its end could not be told any more
        state, ended = run.state, run.ended
    return RunStep(
        number,
        _verb(record.spec),
        step_title(record.spec),
        state,
        record.exit_status,
        record.spool_start,
        record.began,
        ended,
    )


def _verb(step: Mapping[str, Any]) -> str:
    try:
        return from_step(step).verb
    except UsageError:
        return str(step.get("kind", "?"))
