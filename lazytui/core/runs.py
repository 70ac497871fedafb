"""Runs: one execution of one task on one runtime, as a state machine with the journal as memory.

A run can be picked up at any point after any crash. What makes it safe:

* its job id is in the journal before the host hears of it, and the host starts an id only once;
* the spool's length *is* the offset to read on from;
* only the host's answer can move a run that may have started to *lost*; silence never does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lazytui.core.deadline import TIMING_OUT, end_in_time
from lazytui.core.events import Notice, OutputGrew, RunChanged
from lazytui.core.housekeeping import Housekeeper
from lazytui.core.live_run import LiveRun, OutputStream, either, signal_words
from lazytui.core.model import RunRecord, RunState
from lazytui.core.plan import Plan
from lazytui.core.run_stop import SIGNALS, STOPPING, stop_foreign, stop_live
from lazytui.core.task import RuntimeTask
from lazytui.core.turns import Turns
from lazytui.errors import (
    AgentError,
    ConnectError,
    ConnectionLostError,
    JournalError,
    LazytuiError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from lazytui.core.agent import Agent
    from lazytui.core.events import EventBus
    from lazytui.core.frames import Header
    from lazytui.core.journal import Journal
    from lazytui.core.runtime import Runtime
    from lazytui.core.settings import RunSettings
    from lazytui.core.spool import SpoolWriter

log = logging.getLogger(__name__)

NEVER_STARTED = "cancelled before it started"
RECENT = 1000  # finished runs kept in memory
JOURNAL_RETRY_S = 1.0


class Runs:
    """All runs: makes them, drives those of this process, remembers the recent ones.

    Args:
        journal: where runs are remembered.
        spool: where output goes.
        events: where changes are published.
        settings: section ``[run]``.
        runtime_of: gives the runtime of a host, connecting it when nobody has.
        spool_path: gives the path of a run's spool.
        owner: who we are, in the journal.
        group: the task group that owns the drivers.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        spool: SpoolWriter,
        events: EventBus,
        settings: RunSettings,
        runtime_of: Callable[[str], Runtime],
        spool_path: Callable[[str], str],
        owner: str,
        group: asyncio.TaskGroup,
    ) -> None:
        self._journal = journal
        self._spool = spool
        self._events = events
        self._settings = settings
        self._runtime_of = runtime_of
        self._spool_path = spool_path
        self._owner = owner
        self._group = group
        self._recent: dict[str, RunRecord] = {}  # newest last
        self._live: dict[str, LiveRun] = {}
        self._housekeeper = Housekeeper(journal, group)

    # -- facts

    def records(self, limit: int = RECENT) -> list[RunRecord]:
        """Give the recent runs, newest first."""
        return list(self._recent.values())[: -limit - 1 : -1]

    def get(self, run_id: str) -> RunRecord:
        """Give one recent run.

        Raises:
            KeyError: it is not among the recent ones.
        """
        return self._recent[run_id]

    def live(self, run_id: str) -> LiveRun | None:
        """Give a run that this process drives, while it does."""
        return self._live.get(run_id)

    def driven(self) -> list[LiveRun]:
        """Give the runs that this process drives now."""
        return list(self._live.values())

    def drivers(self) -> list[asyncio.Task[None]]:
        """Give the tasks in the background, for whoever ends them."""
        tasks = [run.driver for run in self._live.values()] + [self._housekeeper.task]
        return [task for task in tasks if task is not None]

    async def load(self) -> None:
        """Read the recent runs from the journal, whole tasks of them."""
        records = await self._journal.records(limit=RECENT)
        if len(records) == RECENT:
            oldest = records[-1].task_id
            records = [record for record in records if record.task_id != oldest]
            records += await self._journal.records(task_id=oldest)
        for record in sorted(records, key=lambda record: record.task_id):
            self._recent[record.run_id] = record

    def forget(self, run_ids: Iterable[str]) -> None:
        """Drop runs that were removed from the journal, and tell so."""
        for run_id in run_ids:
            record = self._recent.pop(run_id, None)
            if record is not None:
                self._events.publish(RunChanged(run_id, record.task_id))

    async def goodbye(self) -> None:
        """Tidy up on the hosts before the engine ends."""
        await self._housekeeper.goodbye()

    # -- intents

    async def submit(
        self, task: RuntimeTask, hosts: Sequence[str], *, origin: str, plan: Plan
    ) -> list[LiveRun]:
        """Start the runs of a task.

        Args:
            task: what to run.
            hosts: where; one run each.
            origin: ``screen``, ``command line`` or ``script``.
            plan: how the runs follow each other.

        Raises:
            UsageError: no host, no step, or an empty command.
            JournalError: it could not be recorded, so nothing was started.
        """
        if not hosts:
            raise UsageError("no host to run on")
        if not task.steps or not all(step.command.strip() for step in task.steps):
            raise UsageError("nothing to run: the command is empty")
        first, *others = (step.to_step() for step in task.steps)
        steps = [plan.to_step(first), *others]
        task_id, run_ids = await self._journal.new_task(
            task.name, steps, list(hosts), self._owner, origin
        )
        now = time.time()
        records = [
            RunRecord(
                run_id=run_id,
                task_id=task_id,
                name=task.name,
                command="; ".join(step.command for step in task.steps),
                host=host,
                state=RunState.QUEUED,
                exit_status=None,
                reason="",
                created=now,
                started=None,
                ended=None,
                spool=self._spool_path(run_id),
            )
            for run_id, host in zip(run_ids, hosts, strict=True)
        ]
        turns = Turns(plan, records) if plan.has_turns else None
        return [self._begin(self._live_run(record, task, plan, turns)) for record in records]

    async def adopt(self, is_alive: Callable[[str], bool]) -> list[LiveRun]:
        """Take over the runs whose owner is dead, and drive them on.

        Args:
            is_alive: tells of an owner whether it still drives its runs.
        """
        adopted = []
        turns_of: dict[int, Turns] = {}
        for record in await self._journal.adopt(is_alive, self._owner):
            try:
                steps = await self._journal.steps(record.task_id)
                task, plan = RuntimeTask.from_steps(steps), Plan.from_step(steps[0])
            except UsageError as error:
                log.warning("run %s cannot be adopted: %s", record.run_id, error)
                continue
            if plan.has_turns and record.task_id not in turns_of:
                records = await self._journal.records(task_id=record.task_id)
                turns_of[record.task_id] = Turns(plan, records)
            run = self._live_run(record, task, plan, turns_of.get(record.task_id))
            # Its owner may have started it in the moment it died, if its turn had come: only the
            # host knows.
            run.sent = not run.waits
            run.timed_out = record.reason.startswith(TIMING_OUT)
            run.confirmed = record.state is RunState.RUNNING
            begun = await self._journal.begun_steps(record.run_id) if task.steps[1:] else []
            if begun and begun[-1].step < len(task.steps):
                run.step, run.base = begun[-1].step, begun[-1].spool_start
                run.confirmed = run.step == record.step
            adopted.append(self._begin(run))
        return adopted

    async def release(self, runs: Sequence[LiveRun]) -> None:
        """Give runs back, so that whoever comes next adopts them even while this process lives.

        Args:
            runs: ours until now; nobody drives them any more.
        """
        if runs:
            # A full disk: they are adopted when this process has ended.
            with contextlib.suppress(JournalError):
                await self._journal.claim([run.run_id for run in runs], "", self._owner)

    async def stop(self, run_id: str, name: str = "INT") -> str:
        """Send a signal to a run's process group.

        Args:
            run_id: the run.
            name: one of :data:`lazytui.core.run_stop.SIGNALS`.

        Returns:
            What happened, in a word: ``sent``, ``ended``, ``cancelled``, ``stale``, ``rebooted``.

        Raises:
            UsageError: no such signal, or no such run.
            ConnectError: the host cannot be reached now.
            AgentError, ConnectionLostError: it could not be delivered.
        """
        if name not in SIGNALS:
            raise UsageError(f"no signal {name}: use one of {', '.join(SIGNALS)}")
        run = self._live.get(run_id)
        if run is None:
            record = await self._journal.record(run_id)
            if record.state.is_final:
                return "ended"
            return await stop_foreign(self._journal, self._runtime_of(record.host), record, name)
        return await stop_live(run, name)

    async def caught_up(self, run: LiveRun) -> None:
        """Wait until it is known here what the host knows of a run at this moment.

        That is its end, if it has ended, or the output it has so far. Returns as soon as the host
        cannot be asked: it is inactive, or the connection was lost; or has nothing to tell, as the
        turn of the run has not come.
        """
        if run.waits:
            return
        with contextlib.suppress(AgentError, ConnectError, ConnectionLostError):
            agent = await run.runtime.reach()
            await either(run.settled, agent.lost)
            if run.done.is_set():
                return
            answer = await agent.request("job_status", jobs=[run.job_id])
            job = answer["jobs"][run.job_id]
            if job.get("state") != "running":
                await run.done.wait()
                return
            size = int(job.get("size", 0))
            with self._events.subscribe() as events:
                while not (run.done.is_set() or agent.lost.is_set()):
                    if await self._spool.size(run.run_id) >= size:
                        return
                    await events.drain()

    # -- the state machine

    def _live_run(
        self, record: RunRecord, task: RuntimeTask, plan: Plan, turns: Turns | None
    ) -> LiveRun:
        runtime = self._runtime_of(record.host)
        return LiveRun(record, task.steps, runtime, timeout_s=plan.timeout_s, turns=turns)

    def _begin(self, run: LiveRun) -> LiveRun:
        run.runtime.alive_runs += 1
        self._live[run.run_id] = run
        self._remember(run.record)
        if run.turns is not None:
            run.turns.join(run)
        run.driver = self._group.create_task(self._drive(run), name=f"run {run.run_id}")
        return run

    async def _drive(self, run: LiveRun) -> None:
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
            if run.turns is not None and run.record.state.is_final:
                run.turns.over(run.record)
            run.runtime.alive_runs -= 1
            self._live.pop(run.run_id, None)
            self._spool.forget(run.run_id)
            run.settled.set()
            run.done.set()

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
        self._housekeeper.forget_later(run.runtime, run.job_id)
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
        self._remember(run.record)

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

    def _remember(self, record: RunRecord) -> None:
        self._recent[record.run_id] = record
        if len(self._recent) > 2 * RECENT:
            self._drop_oldest(record.task_id)
        self._events.publish(RunChanged(record.run_id, record.task_id))

    def _drop_oldest(self, newest_task: int) -> None:
        """Make room: old tasks go when they are over, and whole, or their counts were wrong."""
        kept = {old.task_id for old in self._recent.values() if not old.state.is_final}
        kept.add(newest_task)
        dropped, task_id = 0, 0
        for run_id, old in list(self._recent.items()):
            if old.task_id in kept:
                continue
            if dropped >= RECENT and old.task_id != task_id:
                return
            del self._recent[run_id]
            dropped, task_id = dropped + 1, old.task_id

    # -- what the spool tells

    def output_grew(self, run_id: str, size: int, written: int) -> None:
        """Bytes have reached a spool: tell who watches, and let the host send more."""
        run = self._live.get(run_id)
        if run is not None and run.stream is not None:
            run.stream.written(written)
        self._events.publish(OutputGrew(run_id, size))
