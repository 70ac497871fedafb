"""All runs of an engine: made, adopted, stopped, remembered; `run_driver` takes each to its end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytui.core.deadline import why_timed_out
from lazytui.core.events import OutputGrew, RunChanged
from lazytui.core.gates import FOREIGN_LOOK_S, Gates
from lazytui.core.housekeeping import Housekeeper
from lazytui.core.live_run import LiveRun, either
from lazytui.core.model import RunRecord, RunState
from lazytui.core.payloads import Payloads
from lazytui.core.plan import Plan
from lazytui.core.run_driver import RunDriver
from lazytui.core.run_stop import ENDING, SIGNALS, STOPPING, stop_foreign, stop_live
from lazytui.core.step import HOME, Place, is_empty
from lazytui.core.steps.executors import executors
from lazytui.core.steps.stage import Stage
from lazytui.core.task import RuntimeTask, apart
from lazytui.core.transfer.progress import Transfers
from lazytui.core.turns import Turns
from lazytui.core.where import fold
from lazytui.errors import (
    AgentError,
    ConnectError,
    ConnectionLostError,
    JournalError,
    UsageError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from lazytui.core.events import EventBus
    from lazytui.core.journal import Journal
    from lazytui.core.run_queue import RunQueue
    from lazytui.core.runtime import Runtime
    from lazytui.core.settings import RunSettings
    from lazytui.core.spool import SpoolWriter

log = logging.getLogger(__name__)

RECENT = 1000  # finished runs kept in memory


class Runs:
    """All runs: makes them, drives those of this process, remembers the recent ones.

    Args:
        journal: where runs are remembered.
        spool: where output goes.
        events: where changes are published.
        settings: section ``[run]``.
        runtime_of: gives the runtime of a host, connecting it when nobody has.
        queue: finds hosts for the runs that wait for one.
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
        queue: RunQueue,
        spool_path: Callable[[str], str],
        owner: str,
        group: asyncio.TaskGroup,
    ) -> None:
        self._journal = journal
        self._spool = spool
        self._events = events
        self._runtime_of = runtime_of
        self._spool_path = spool_path
        self._owner = owner
        self._group = group
        self._recent: dict[str, RunRecord] = {}  # newest last
        self._live: dict[str, LiveRun] = {}
        self._housekeeper = Housekeeper(journal, group)
        self._queue = queue
        self._gates = Gates(journal, events, queue)
        stage = self._stage = Stage(
            journal=journal,
            spool=spool,
            events=events,
            settings=settings,
            on_change=self._remember,
        )
        self.payloads = Payloads(Path(spool_path("")).parent)
        self.transfers = Transfers(events)
        self._executors = executors(stage, self.payloads, self.transfers)
        self._driver = RunDriver(
            stage=stage,
            executors=self._executors,
            gates=self._gates,
            runtime_of=runtime_of,
            housekeeper=self._housekeeper,
            group=group,
        )

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
        tasks = [run.driver for run in self._live.values()]
        tasks += [self._housekeeper.task, *self._queue.tasks()]
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

    def learn(self, record: RunRecord) -> None:
        """Remember a run that another process drives, as the journal has it now, and tell so."""
        if record.run_id not in self._live and self._recent.get(record.run_id) != record:
            self._remember(record)

    async def forget_functions(self, steps: Iterable[Mapping[str, Any]]) -> None:
        """Drop what the functions of a forgotten task were made of, unless another has them."""
        digests = {str(step["digest"]) for step in steps if step.get("digest")}
        unused = digests - await self._journal.mentioned(digests) if digests else set()
        await asyncio.to_thread(self.payloads.remove, unused)

    async def goodbye(self) -> None:
        """Tidy up on the hosts before the engine ends."""
        await self._housekeeper.goodbye()

    # -- intents

    async def submit(
        self,
        task: RuntimeTask,
        hosts: Sequence[str],
        *,
        origin: str,
        plan: Plan,
        places: Mapping[str, Place] | None = None,
    ) -> list[LiveRun]:
        """Start the runs of a task.

        Args:
            task: what to run.
            hosts: where; one run each.
            origin: ``screen``, ``command line`` or ``script``.
            plan: how the runs follow each other.
            places: where on each host the steps happen; by default in the user's home.

        With a plan for the least busy, one run is made for all of the hosts.

        Raises:
            UsageError: no host, no step, one with nothing to do, or a plan that cannot be
                fulfilled.
            JournalError: it could not be recorded, so nothing was started.
        """
        if not hosts:
            raise UsageError("no host to run on")
        if not task.steps or any(map(is_empty, task.steps)):
            raise UsageError("nothing to run: the command is empty")
        for step in task.steps:
            if step.kind not in self._executors:
                raise UsageError(f"{step.verb} cannot be run here")
        await self._gates.check(plan)
        if plan.least_busy:
            plan, hosts = replace(plan, among=tuple(hosts)), [fold(hosts)]
            places = {hosts[0]: places[plan.among[0]]} if places else None
        if not self.payloads.has(task.steps):
            await asyncio.to_thread(self.payloads.keep, task.steps)
        task = apart(task, hosts)
        first, *others = (step.to_step() for step in task.steps)
        steps = [plan.to_step(first), *others]
        task_id, run_ids = await self._journal.new_task(
            task.name, steps, list(hosts), self._owner, origin, places=places
        )
        now = time.time()
        records = [
            RunRecord(
                run_id=run_id,
                task_id=task_id,
                name=task.name,
                command=task.title,
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
        at = places or {}
        runs = []
        for index, record in enumerate(records):
            place = at.get(record.host, HOME)
            run = self._live_run(record, task, plan, turns, place, index)
            self._spool.begin(run.run_id)
            run.spooled = 0
            runs.append(self._begin(run))
        return runs

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
            place = await self._journal.place(record.run_id)
            index = await self._index(record) if plan.templates else 0
            run = self._live_run(record, task, plan, turns_of.get(record.task_id), place, index)
            # Its owner may have started it in the moment it died, if its turn had come: only the
            # host knows.
            run.sent = not run.waits
            if record.placed:
                self._gates.keep_claim(run)
            run.timed_out = why_timed_out(record.reason, plan)
            run.confirmed = record.state is RunState.RUNNING
            if run.confirmed and record.reason.startswith(STOPPING):
                run.stopping = record.reason  # its end is the one that was asked for
            begun = await self._journal.begun_steps(record.run_id) if task.steps[1:] else []
            if begun and 0 < begun[-1].step < len(task.steps):
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
        answer = await stop_live(run, name)
        if answer == "sent" and name in ENDING:
            # For whoever adopts it, and for the next who wants its end.
            await self._stage.say(run, f"{STOPPING} ({name})")
        return answer

    async def over(self, run_id: str) -> None:
        """Wait until a run has ended, whoever drives it."""
        run = self._live.get(run_id)
        if run is not None:
            await run.done.wait()
        while not (await self._journal.record(run_id)).state.is_final:  # noqa: ASYNC110 - foreign
            await asyncio.sleep(FOREIGN_LOOK_S)

    def next_signal(self, record: RunRecord) -> str:
        """Give the signal that ends a run: INT first, KILL when it was told to end before."""
        run = self._live.get(record.run_id)
        told = record.reason.startswith(STOPPING) or (run is not None and bool(run.stopping))
        return "KILL" if told else "INT"

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

    # -- inside

    async def _index(self, record: RunRecord) -> int:
        """Give the place of a run among those of its task."""
        records = await self._journal.records(task_id=record.task_id)
        return [other.run_id for other in records].index(record.run_id)

    def _live_run(
        self,
        record: RunRecord,
        task: RuntimeTask,
        plan: Plan,
        turns: Turns | None,
        place: Place,
        index: int,
    ) -> LiveRun:
        unplaced = plan.among and not record.placed
        runtime = self._runtime_of(plan.among[0] if unplaced else record.host)
        return LiveRun(
            record, task.steps, runtime, plan=plan, turns=turns, place=place, index=index
        )

    def _begin(self, run: LiveRun) -> LiveRun:
        if not run.is_unplaced:
            run.count()
        self._live[run.run_id] = run
        self._remember(run.record)
        if run.turns is not None:
            run.turns.join(run)
        run.driver = self._group.create_task(self._drive(run), name=f"run {run.run_id}")
        return run

    async def _drive(self, run: LiveRun) -> None:
        try:
            await self._driver.drive(run)
        finally:
            if run.turns is not None and run.record.state.is_final:
                run.turns.over(run.record)
            run.discount()
            self._queue.over(run.run_id)
            self._live.pop(run.run_id, None)
            self._spool.forget(run.run_id)
            run.settled.set()
            run.done.set()

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
