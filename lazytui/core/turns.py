"""Turns: which runs of a task may start now, when they follow each other in batches.

All of it can be told from the journal: the order of a task's runs, which of them have ended, and
the task's plan. So whoever adopts a task after a crash goes on where the dead engine was: a batch
begins when every run of the batches before has its end in the journal, never earlier.
"""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from lazytui.core.model import RunState
from lazytui.core.plan import WAITS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.live_run import LiveRun
    from lazytui.core.model import RunRecord
    from lazytui.core.plan import Plan


class Turns:
    """The runs of one task that heed each other.

    Args:
        plan: of the task.
        records: all runs of the task in the order of their turns, also those that have ended.
    """

    def __init__(self, plan: Plan, records: Sequence[RunRecord]) -> None:
        self._plan = plan
        size = plan.batch or max(1, len(records))
        self._batch_of = {record.run_id: at // size for at, record in enumerate(records)}
        self._left: list[set[str]] = [set() for _ in range(0, len(records), size)]
        for record in records:
            self._left[self._batch_of[record.run_id]].add(record.run_id)
        self._turns = [asyncio.Event() for _ in self._left]
        self._first = min((r.started for r in records if r.started is not None), default=None)
        self._begun = asyncio.Event()
        self._live: dict[str, LiveRun] = {}
        self._failure = ""
        for record in records:
            if record.state.is_final:
                self._note(record)
        self._advance()

    def join(self, run: LiveRun) -> None:
        """Count a run in that this process drives."""
        self._live[run.run_id] = run
        if self._failure:
            run.give_up(self._failure)

    def turn(self, run_id: str) -> asyncio.Event:
        """Give the event that is set when a run may start."""
        return self._turns[self._batch_of[run_id]]

    def waiting_reason(self, run_id: str) -> str:
        """Say what a run waits for: ``waits for batch 1``."""
        return f"{WAITS} for batch {self._batch_of[run_id]}"  # counted from 1 by people

    def over(self, record: RunRecord) -> None:
        """Hear of the end of a run; it must be in the journal already."""
        self._live.pop(record.run_id, None)
        self._note(record)
        if self._failure:
            for run in list(self._live.values()):
                run.give_up(self._failure)
        self._advance()

    def begun(self, at: float) -> None:
        """Hear that a run has started, in epoch seconds: the time of the task counts from here."""
        if self._first is None:
            self._first = at
            self._begun.set()

    async def time_over(self, limit_s: float) -> None:
        """Wait until so many seconds have passed since the first run of the task started."""
        if self._first is None:
            await self._begun.wait()
        assert self._first is not None
        left = self._first + limit_s - time.time()
        await asyncio.sleep(min(limit_s, max(0.0, left)))  # the clock may have been set back

    def _note(self, record: RunRecord) -> None:
        self._left[self._batch_of[record.run_id]].discard(record.run_id)
        failed = record.state is not RunState.SUCCEEDED
        if failed and self._plan.stop_on_failure and not self._failure:
            self._failure = f"not started, as {record.host} {_what_happened(record)}"

    def _advance(self) -> None:
        for turn, left in zip(self._turns, self._left, strict=True):
            turn.set()
            if left:
                return


def _what_happened(record: RunRecord) -> str:
    match record.state:
        case RunState.LOST:
            return "was lost"
        case RunState.CANCELLED:
            return "was stopped"
        case _:
            status = record.exit_status
            return "failed" if status is None else f"failed with exit {status}"
