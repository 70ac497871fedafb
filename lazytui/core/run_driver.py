"""Drives one run from its turn to its end: the state machine, with the journal as its memory.

A run can be picked up at any point after any crash. What makes it safe:

* its job id is in the journal before the host hears of it, and the host starts an id only once;
* the spool's length *is* the offset to read on from;
* only the host's answer can move a run that may have started to *lost*; silence never does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lazytui.core.deadline import end_in_time
from lazytui.core.events import Notice
from lazytui.core.live_run import LiveRun, OutputStream, either, signal_words
from lazytui.core.model import RunState
from lazytui.core.run_stop import STOPPING
from lazytui.errors import (
    AgentError,
    ConnectError,
    ConnectionLostError,
    JournalError,
    LazytuiError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lazytui.core.agent import Agent
    from lazytui.core.events import EventBus
    from lazytui.core.frames import Header
    from lazytui.core.housekeeping import Housekeeper
    from lazytui.core.journal import Journal
    from lazytui.core.model import RunRecord
    from lazytui.core.settings import RunSettings
    from lazytui.core.spool import SpoolWriter

log = logging.getLogger(__name__)

NEVER_STARTED = "cancelled before it started"
JOURNAL_RETRY_S = 1.0


class RunDriver:
    """Takes runs to their end.

    Args:
        journal: where every change is written before it is shown.
        spool: where output goes.
        events: where notices are published.
        settings: section ``[run]``.
        housekeeper: drops job folders whose end is in the journal.
        group: the task group that owns what watches the time.
        on_change: told of each new record of a run.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        spool: SpoolWriter,
        events: EventBus,
        settings: RunSettings,
        housekeeper: Housekeeper,
        group: asyncio.TaskGroup,
        on_change: Callable[[RunRecord], None],
    ) -> None:
        self._journal = journal
        self._spool = spool
        self._events = events
        self._settings = settings
        self._housekeeper = housekeeper
        self._group = group
        self._on_change = on_change

    async def drive(self, run: LiveRun) -> None:
        """Wait for the run's turn, start or join its job, and stay until its end is recorded."""
        watch: asyncio.Task[None] | None = None
        try:
            try:
                if run.waits:
                    await self._wait_for_turn(run)
                if run.timeout_s is not None:
                    ending = end_in_time(run, run.timeout_s, lambda why: self._say(run, why))
                    watch = self._group.create_task(ending, name=f"time of run {run.run_id}")
                await self._to_the_end(run)
            except LazytuiError as error:
                await self._finish(run, RunState.FAILED, None, str(error))
            except Exception as error:
                # A fault of ours must not end the engine; the run says so, the log has the rest.
                log.exception("run %s", run.run_id)
                await self._finish(run, RunState.FAILED, None, f"fault in lazytui: {error!r}")
        finally:
            if watch is not None:
                watch.cancel()

    async def _wait_for_turn(self, run: LiveRun) -> None:
        """Wait until the batches before are over, or it shall not be started any more."""
        assert run.turns is not None
        if run.record.reason.startswith(STOPPING):  # while its last owner still lived
            run.abandoned.set()
            return
        await self._say(run, run.turns.waiting_reason(run.run_id))
        await either(run.turns.turn(run.run_id), run.abandoned)
        if await self._was_stopped(run):
            run.abandoned.set()
        elif not run.abandoned.is_set():
            await self._say(run, "")

    async def _to_the_end(self, run: LiveRun) -> None:
        while True:
            try:
                agent = await self._agent_for(run)
            except ConnectError as error:
                await self._finish(run, RunState.FAILED, None, f"not reached: {error.reason}")
                return
            if agent is None:
                await self._finish(run, RunState.CANCELLED, None, run.unwanted or NEVER_STARTED)
                return
            try:
                end = await self._follow(run, agent)
            except ConnectionLostError:
                await self._update(run, reason="connection lost; the job goes on at the host")
                continue
            except AgentError as error:
                await self._refused(run, error)
                return
            if await self._ended(run, agent, end):
                return

    async def _agent_for(self, run: LiveRun) -> Agent | None:
        """Give the host's agent; None when the run was cancelled before it was sent.

        A run that may have started waits for its host for ever: only the host knows its end.
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

    async def _follow(self, run: LiveRun, agent: Agent) -> Header:
        """Start or join the job, and stay until it is over."""
        run.followed_from = await self._spool.size(run.run_id)
        stream = run.stream = OutputStream(run, agent, self._spool, self._settings.credit_bytes)
        follow: dict[str, Any] = {
            "s": stream.number,
            "off": max(0, run.followed_from - run.base),
            "credit": self._settings.credit_bytes,
        }
        try:
            # One that is to be stopped is only followed: should the host not know it, all is well.
            if not run.confirmed and not run.stopping and not run.unwanted:
                run.sent = True
                started = time.time()
                await agent.request(
                    "job_start",
                    run.spec.command.encode("utf-8", "surrogateescape"),
                    job=run.job_id,
                    cwd=run.spec.cwd,
                    env=dict(run.spec.env or {}),
                    tty=run.spec.tty,
                    follow=follow,
                )
                await self._started(run, started)
            else:
                await agent.request("job_follow", job=run.job_id, **follow)
                if run.record.reason:
                    await self._update(run, reason="")
            run.settled.set()
            return await stream.wait()
        finally:
            stream.close()
            run.stream = None

    async def _ended(self, run: LiveRun, agent: Agent, end: Header) -> bool:
        """Judge the end of a job; False when there is more to do."""
        await self._spool.flush(run.run_id)
        state = end.get("state")
        if state == "exited":
            size = await self._spool.size(run.run_id)
            missing = run.base + int(end.get("size", 0)) - size
            if missing > 0 and size != run.followed_from:
                return False  # something did not arrive: read on from where the spool ends
            note = "the host's disk was full: output may be cut" if end.get("disk_full") else ""
            if missing > 0:  # asked for again, and nothing came
                note = f"the host no longer has the last {missing} bytes of output"
            status = int(end["rc"])
            if status == 0 and run.steps[run.step + 1 :] and not run.timed_out:
                await self._next_step(run)
                return False
            await self._exited(run, status, note)
        elif state == "lost":
            await self._finish(run, RunState.LOST, None, str(end.get("reason", "")))
        elif not run.confirmed:
            if not run.stopping and not run.unwanted:
                return False  # never started: start it, the same id again
            await self._finish(run, RunState.CANCELLED, None, run.unwanted or NEVER_STARTED)
        elif state == "not-started":
            reason = str(end.get("reason", ""))
            await self._finish(run, RunState.FAILED, None, f"not started: {reason}")
        else:
            await self._finish(run, RunState.LOST, None, "the host no longer has the job")
        # Only now: the end is in the journal, so the host's copy is no longer needed.
        self._housekeeper.forget_later(run.runtime, run.job_id)
        return True

    async def _started(self, run: LiveRun, started: float) -> None:
        run.confirmed = True
        if run.step == 0:
            await self._update(run, state=RunState.RUNNING, started=started, reason="")
        else:
            await self._update(run, step=run.step, reason=run.in_step(""))

    async def _next_step(self, run: LiveRun) -> None:
        """Go on to the next step; its output follows in the same spool."""
        over = run.job_id
        run.base = await self._spool.size(run.run_id)
        run.step += 1
        run.confirmed = False
        await self._journaled(
            lambda: self._journal.begin_step(
                run.run_id,
                run.step,
                job_id=run.job_id,
                kind="command",
                spec=run.spec.to_step(),
                spool_start=run.base,
            )
        )
        self._housekeeper.forget_later(run.runtime, over)

    async def _refused(self, run: LiveRun, error: AgentError) -> None:
        """The host said no: to the start, or later to tell of the job."""
        text = "no space on the host's disk" if error.kind == "no-space" else str(error)
        if not run.confirmed:
            await self._finish(run, RunState.FAILED, None, run.in_step(f"not started: {text}"))
        else:
            await self._finish(run, RunState.LOST, None, f"the host does not tell: {text}")

    async def _exited(self, run: LiveRun, status: int, note: str) -> None:
        if run.timed_out:
            reason = run.in_step(f"timed out after {run.timeout_s:g} s")
            await self._finish(run, RunState.FAILED, status, reason)
            return
        if status == 0:
            await self._finish(run, RunState.SUCCEEDED, 0, note)
            return
        stopped = run.stopping or await self._was_stopped(run)
        words = signal_words(status)
        if stopped:
            await self._finish(run, RunState.CANCELLED, status, f"stopped ({words or status})")
        else:
            reason = "; ".join(text for text in (words, note) if text)
            await self._finish(run, RunState.FAILED, status, run.in_step(reason))

    async def _was_stopped(self, run: LiveRun) -> bool:
        """Tell whether another process asked for the end that came."""
        try:
            return (await self._journal.record(run.run_id)).reason.startswith(STOPPING)
        except JournalError:
            return False

    async def _finish(
        self, run: LiveRun, state: RunState, exit_status: int | None, reason: str
    ) -> None:
        await self._update(
            run, state=state, exit_status=exit_status, reason=reason, ended=time.time()
        )

    async def _say(self, run: LiveRun, reason: str) -> None:
        """Say why a run is as it is, unless that is known or it is over."""
        if run.record.reason != reason and not run.record.state.is_final:
            await self._update(run, reason=reason)

    async def _update(self, run: LiveRun, **changes: Any) -> None:
        """Record a change, then show it: nobody sees an end that a crash could take back."""
        await self._journaled(lambda: self._journal.update_run(run.run_id, **changes))
        run.record = replace(run.record, **changes)
        self._on_change(run.record)

    async def _journaled(self, write: Callable[[], Awaitable[object]]) -> None:
        """Write to the journal; one that cannot be written (a full disk) is tried until it can."""
        warned = False
        while True:
            try:
                await write()
            except JournalError as error:
                if not warned:
                    self._events.publish(Notice(f"{error}; trying again", "error"))
                    warned = True
                await asyncio.sleep(JOURNAL_RETRY_S)
            else:
                return
