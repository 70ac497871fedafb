"""Drives one run from its turn to its end: step by step, with the journal as its memory.

A run can be picked up at any point after any crash: a step that has ended is in the journal before
the next begins, and whoever executes a step knows how to go on with it.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from lazytui.core.deadline import end_in_time, end_with_task
from lazytui.core.live_run import either
from lazytui.core.model import RunState
from lazytui.core.run_stop import STOPPING
from lazytui.core.steps.stage import NEVER_STARTED, StepEnd
from lazytui.errors import LazytuiError

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable, Coroutine, Mapping

    from lazytui.core.gates import Gates
    from lazytui.core.housekeeping import Housekeeper
    from lazytui.core.live_run import LiveRun
    from lazytui.core.runtime import Runtime
    from lazytui.core.steps.stage import Executor, Stage

log = logging.getLogger(__name__)


class RunDriver:
    """Takes runs to their end.

    Args:
        stage: the journal, and how a run tells of itself.
        executors: who does the steps of each kind.
        gates: let the runs through that have to wait.
        runtime_of: gives the runtime of a host.
        housekeeper: drops job folders whose end is in the journal.
        group: the task group that owns what watches the time.
    """

    def __init__(
        self,
        *,
        stage: Stage,
        executors: Mapping[str, Executor],
        gates: Gates,
        runtime_of: Callable[[str], Runtime],
        housekeeper: Housekeeper,
        group: asyncio.TaskGroup,
    ) -> None:
        self._stage = stage
        self._executors = executors
        self._gates = gates
        self._runtime_of = runtime_of
        self._housekeeper = housekeeper
        self._group = group

    async def drive(self, run: LiveRun) -> None:
        """Wait for the run's turn, take its steps, and stay until its end is recorded."""
        watches: list[asyncio.Task[None]] = []
        try:
            try:
                limit_s = run.plan.task_timeout_s
                if limit_s is not None and run.turns is not None:
                    ending = end_with_task(run, limit_s, lambda why: self._stage.say(run, why))
                    watches.append(self._watch(ending, f"time of the task of {run.run_id}"))
                if run.waits:
                    await self._wait_for_turn(run)
                if run.abandoned.is_set() and not run.sent:
                    why = run.unwanted or NEVER_STARTED
                    await self._finish(run, StepEnd(RunState.CANCELLED, None, why))
                    return
                if (timeout_s := run.plan.timeout_s) is not None:
                    ending = end_in_time(run, timeout_s, lambda why: self._stage.say(run, why))
                    watches.append(self._watch(ending, f"time of run {run.run_id}"))
                await self._take_steps(run)
            except LazytuiError as error:
                run.cause = error
                await self._finish(run, StepEnd(RunState.FAILED, None, run.in_step(str(error))))
            except Exception as error:
                # A fault of ours must not end the engine; the run says so, the log has the rest.
                log.exception("run %s", run.run_id)
                await self._finish(
                    run, StepEnd(RunState.FAILED, None, f"fault in lazytui: {error!r}")
                )
        finally:
            for watch in watches:
                watch.cancel()

    def _watch(self, ending: Coroutine[None, None, None], name: str) -> asyncio.Task[None]:
        return self._group.create_task(ending, name=name)

    async def _wait_for_turn(self, run: LiveRun) -> None:
        """Wait until the run may start and has a host, or it shall not be started any more."""
        if run.record.reason.startswith(STOPPING):  # while its last owner still lived
            run.abandoned.set()
            return
        if run.turns is not None and not run.turns.turn(run.run_id).is_set():
            await self._stage.say(run, run.turns.waiting_reason(run.run_id))
            await either(run.turns.turn(run.run_id), run.abandoned)
        if run.is_unplaced and not run.abandoned.is_set():
            await self._place(run)
        if await self._stage.was_stopped(run):
            run.abandoned.set()
        elif not run.abandoned.is_set():
            await self._stage.say(run, "")

    async def _place(self, run: LiveRun) -> None:
        """Wait for what the plan asks for; why it runs where it runs is recorded before it does."""
        choice = await self._gates.through(run, lambda why: self._stage.say(run, why))
        if choice is not None:
            run.runtime = self._runtime_of(choice.host)
            if not await self._stage.was_stopped(run):
                await self._stage.update(run, host=choice.host, placed=choice.why, reason="")

    async def _take_steps(self, run: LiveRun) -> None:
        """Do one step after the other, from the one that the run is at."""
        while True:
            end = await self._executors[run.spec.kind].execute(run)
            last = run.step + 1 == len(run.steps)
            if last or end.state is not RunState.SUCCEEDED:
                await self._finish(run, end)
                return
            await self._next_step(run, end)

    async def _next_step(self, run: LiveRun, end: StepEnd) -> None:
        """Go on to the next step; its output follows in the same spool."""
        run.base = run.spooled = await self._stage.spool.size(run.run_id)
        run.step += 1
        run.confirmed = False
        run.interrupt = None
        await self._stage.journaled(
            lambda: self._stage.journal.next_step(
                run.run_id,
                run.step,
                job_id=run.job_id,
                kind=run.spec.kind,
                spec=run.spec.to_step(),
                spool_start=run.base,
                exit_status=end.exit_status,
            )
        )
        self._forget(run, end)

    async def _finish(self, run: LiveRun, end: StepEnd) -> None:
        if len(run.steps) > 1:
            await self._stage.journaled(
                lambda: self._stage.journal.end_step(
                    run.run_id, run.step, end.state, end.exit_status
                )
            )
        changes: dict[str, Any] = {"state": end.state, "exit_status": end.exit_status}
        await self._stage.update(run, **changes, reason=end.reason, ended=time.time())
        self._forget(run, end)

    def _forget(self, run: LiveRun, end: StepEnd) -> None:
        """Only now: the end is in the journal, so the host's copy is no longer needed."""
        if end.job is not None:
            self._housekeeper.forget_later(run.runtime, end.job)
