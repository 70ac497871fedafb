"""Steps that are jobs on the host: started once, followed until their end, read on after a break.

What makes it safe to pick one up at any point, after any crash:

* its job id is in the journal before the host hears of it, and the host starts an id only once;
* the spool's length *is* the offset to read on from;
* only the host's answer can move a run that may have started to *lost*; silence never does.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Protocol

from lazytui.core.live_run import OutputStream, signal_words
from lazytui.core.model import RunState
from lazytui.core.run_stop import STOPPING
from lazytui.core.steps.stage import NEVER_STARTED, StepEnd
from lazytui.errors import AgentError, ConnectError, ConnectionLostError

if TYPE_CHECKING:
    from lazytui.core.agent import Agent
    from lazytui.core.frames import Header
    from lazytui.core.live_run import LiveRun
    from lazytui.core.steps.stage import Stage


class Work(Protocol):
    """What differs between the kinds of jobs."""

    async def start(self, run: LiveRun, agent: Agent, follow: Header) -> None:
        """Ask the host to start the job of a step, once, and to send its output.

        Raises:
            AgentError: the host says no; nothing was started.
            ConnectionLostError: whether it was started is not known.
            LazytuiError: it cannot be started there.
        """

    async def gather(self, run: LiveRun, agent: Agent, end: Header) -> StepEnd | None:
        """Keep what the job left beside its output, before the host forgets it.

        Returns:
            How the step ended, where its exit status does not tell that.

        Raises:
            ConnectionLostError: it is not here; it will be asked for again.
        """


class JobExecutor:
    """Takes a step that is a job to its end.

    Args:
        stage: what all executors work with.
        work: what is special about this kind.
    """

    def __init__(self, stage: Stage, work: Work) -> None:
        self._stage = stage
        self._work = work

    async def execute(self, run: LiveRun) -> StepEnd:
        """Start or join the job, and stay until it is over, however often the connection breaks."""
        while True:
            try:
                agent = await self._stage.agent_for(run)
            except ConnectError as error:
                return StepEnd(RunState.FAILED, None, f"not reached: {error.reason}")
            if agent is None:
                return StepEnd(RunState.CANCELLED, None, run.unwanted or NEVER_STARTED)
            try:
                end = await self._follow(run, agent)
                await self._stage.spool.flush(run.run_id)
                over = await self._judge(run, agent, end)
            except ConnectionLostError:
                text = "connection lost; the job goes on at the host"
                await self._stage.update(run, reason=text)
                continue
            except AgentError as error:
                return self._refused(run, error)
            if over is not None:
                return over

    async def _follow(self, run: LiveRun, agent: Agent) -> Header:
        """Start or join the job, and stay until it is over."""
        credit = self._stage.settings.credit_bytes
        known, run.spooled = run.spooled, None
        run.followed_from = await self._stage.spool.size(run.run_id) if known is None else known
        stream = run.stream = OutputStream(run, agent, self._stage.spool, credit)
        follow: dict[str, Any] = {
            "s": stream.number,
            "off": max(0, run.followed_from - run.base),
            "credit": credit,
        }
        try:
            # One that is to be stopped is only followed: should the host not know it, all is well.
            if not run.confirmed and not run.stopping and not run.unwanted:
                run.sent = True
                started = time.time()
                await self._work.start(run, agent, follow)
                await self._stage.started(run, started)
            else:
                await agent.request("job_follow", job=run.job_id, **follow)
                if run.record.reason and not run.record.reason.startswith(STOPPING):
                    await self._stage.update(run, reason="")
            run.settled.set()
            end = await stream.wait()
            run.reached = stream.reached
            return end
        finally:
            stream.close()
            run.stream = None

    async def _judge(self, run: LiveRun, agent: Agent, end: Header) -> StepEnd | None:
        """Judge the end of a job; None when there is more to do."""
        state = end.get("state")
        if state == "exited":
            return await self._exited(run, agent, end)
        if state == "lost":
            return StepEnd(RunState.LOST, None, str(end.get("reason", "")), run.job_id)
        if not run.confirmed:
            if not run.stopping and not run.unwanted:
                return None  # never started: start it, the same id again
            return StepEnd(RunState.CANCELLED, None, run.unwanted or NEVER_STARTED, run.job_id)
        if state == "not-started":
            reason = f"not started: {end.get('reason', '')}"
            return StepEnd(RunState.FAILED, None, reason, run.job_id)
        return StepEnd(RunState.LOST, None, "the host no longer has the job", run.job_id)

    async def _exited(self, run: LiveRun, agent: Agent, end: Header) -> StepEnd | None:
        """Judge by the exit status; None when output is missing that the host still has."""
        missing = run.base + int(end.get("size", 0)) - run.reached
        if missing > 0 and run.reached != run.followed_from:
            return None  # something did not arrive: read on from where the spool ends
        note = "the host's disk was full: output may be cut" if end.get("disk_full") else ""
        if missing > 0:  # asked for again, and nothing came
            note = f"the host no longer has the last {missing} bytes of output"
        status, job = int(end["rc"]), run.job_id
        if run.timed_out:
            reason = run.in_step(run.timed_out)
            return StepEnd(RunState.FAILED, status, reason, job)
        if status != 0 and (run.stopping or await self._stage.was_stopped(run)):
            reason = f"stopped ({signal_words(status) or status})"
            return StepEnd(RunState.CANCELLED, status, reason, job)
        gathered = await self._work.gather(run, agent, end)
        if gathered is not None:
            return gathered
        if status == 0:
            return StepEnd(RunState.SUCCEEDED, 0, note, job)
        reason = "; ".join(text for text in (signal_words(status), note) if text)
        return StepEnd(RunState.FAILED, status, run.in_step(reason), job)

    def _refused(self, run: LiveRun, error: AgentError) -> StepEnd:
        """The host said no: to the start, or later to tell of the job."""
        text = "no space on the host's disk" if error.kind == "no-space" else str(error)
        if not run.confirmed:
            return StepEnd(RunState.FAILED, None, run.in_step(f"not started: {text}"))
        return StepEnd(RunState.LOST, None, f"the host does not tell: {text}")
