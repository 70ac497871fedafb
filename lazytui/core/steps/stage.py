"""What the driver of runs and the executors of steps have in common.

An executor takes one step of a run to its end and says how that was; it may be asked to go on
with a step that another process began. The stage is what it finds there: the journal, the spool,
and the words by which a run tells how it is.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

from lazytui.core.events import Notice
from lazytui.core.model import RunState
from lazytui.core.run_stop import STOPPING
from lazytui.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lazytui.core.agent import Agent
    from lazytui.core.events import EventBus
    from lazytui.core.journal import Journal
    from lazytui.core.live_run import LiveRun
    from lazytui.core.model import RunRecord
    from lazytui.core.settings import RunSettings
    from lazytui.core.spool import SpoolWriter

NEVER_STARTED = "cancelled before it started"
JOURNAL_RETRY_S = 1.0


@dataclass(frozen=True, slots=True)
class StepEnd:
    """How a step ended.

    Args:
        state: a final one. After SUCCEEDED the next step is taken, any other ends the run.
        exit_status: of what ran on the host; None where nothing did.
        reason: the reason of the run, if this ends it; see :meth:`LiveRun.in_step`.
        job: what the host may forget as soon as this end is in the journal.
    """

    state: RunState
    exit_status: int | None = None
    reason: str = ""
    job: str | None = None


class Executor(Protocol):
    """Takes steps of one kind to their end."""

    async def execute(self, run: LiveRun) -> StepEnd:
        """Do ``run.spec``, or go on with it where somebody before us stopped; say how it ended.

        Called again for the same step by the next engine after a crash: what was done must not be
        done twice. Cancelled when the engine ends, and the run must then be left such that the
        next one can go on. While connections break it stays, and goes on by itself. It calls
        :meth:`Stage.started` when the step has begun on the host. What a signal to the run means
        is the job's on the host, unless it sets ``run.interrupt``.

        Raises:
            LazytuiError: the step failed; the text becomes the reason of the run.
        """


class Stage:
    """What executors work with.

    Args:
        journal: where every change is written before it is shown.
        spool: where output goes.
        events: where notices are published.
        settings: section ``[run]``.
        on_change: told of each new record of a run.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        spool: SpoolWriter,
        events: EventBus,
        settings: RunSettings,
        on_change: Callable[[RunRecord], None],
    ) -> None:
        self.journal = journal
        self.spool = spool
        self.events = events
        self.settings = settings
        self._on_change = on_change

    async def agent_for(self, run: LiveRun) -> Agent | None:
        """Give the host's agent; None when the run was cancelled before it was sent.

        A run that may have started waits for its host for ever: only the host knows its end.

        Raises:
            ConnectError: the host is inactive, and the run was not sent.
        """
        if run.sent:
            return await run.runtime.wait_agent()
        reaching = asyncio.ensure_future(run.runtime.reach())
        leaving = asyncio.ensure_future(run.abandoned.wait())
        try:
            await asyncio.wait((reaching, leaving), return_when=asyncio.FIRST_COMPLETED)
            return None if run.abandoned.is_set() else reaching.result()
        finally:
            leaving.cancel()
            if not reaching.done():
                reaching.cancel()
            elif not reaching.cancelled():
                reaching.exception()

    async def started(self, run: LiveRun, at: float) -> None:
        """Record that the step runs on its host.

        Args:
            run: the run.
            at: when it was started, in epoch seconds.
        """
        run.confirmed = True
        if run.step:
            await self.update(run, step=run.step, reason=run.in_step(""))
            return
        if len(run.steps) > 1:
            spec, job = run.spec.to_step(), run.job_id
            await self.journaled(
                lambda: self.journal.begin_step(
                    run.run_id, 0, job_id=job, kind=run.spec.kind, spec=spec, spool_start=0
                )
            )
        if run.turns is not None:
            run.turns.begun(at)
        await self.update(run, state=RunState.RUNNING, started=at, reason="")

    async def was_stopped(self, run: LiveRun) -> bool:
        """Tell whether another process asked for the end that came."""
        try:
            return (await self.journal.record(run.run_id)).reason.startswith(STOPPING)
        except JournalError:
            return False

    async def say(self, run: LiveRun, reason: str) -> None:
        """Say why a run is as it is, unless that is known or it is over."""
        if run.record.reason != reason and not run.record.state.is_final:
            await self.update(run, reason=reason)

    async def update(self, run: LiveRun, **changes: Any) -> None:
        """Record a change, then show it: nobody sees an end that a crash could take back."""
        await self.journaled(lambda: self.journal.update_run(run.run_id, **changes))
        if run.record.state.is_final and "state" not in changes:
            return  # it has ended meanwhile, and keeps what was said of its end
        run.record = replace(run.record, **changes)
        self._on_change(run.record)

    async def journaled(self, write: Callable[[], Awaitable[object]]) -> None:
        """Write to the journal; one that cannot be written (a full disk) is tried until it can."""
        warned = False
        while True:
            try:
                await write()
            except JournalError as error:
                if not warned:
                    self.events.publish(Notice(f"{error}; trying again", "error"))
                    warned = True
                await asyncio.sleep(JOURNAL_RETRY_S)
            else:
                return
