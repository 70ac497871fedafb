"""What an engine does with tasks: it starts their runs, stops them, runs them again, forgets them.

Each deed is noted. How a run is driven to its end is the matter of :mod:`lazytui.core.runs`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytui.core.audit import Deed
from lazytui.core.deeds import Deeds, origin_now
from lazytui.core.events import Notice
from lazytui.core.model import HostState, RunRecord
from lazytui.core.plan import AT_ONCE, Plan
from lazytui.core.returns import values
from lazytui.core.run_steps import steps_of
from lazytui.core.spool import remove_spools
from lazytui.core.step import HOME, from_step
from lazytui.core.stops import StopReport, end_all, stop_all
from lazytui.core.task import CommandSpec, GetSpec, RuntimeTask, SendSpec
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lazytui.core.events import EventBus
    from lazytui.core.journal import Journal
    from lazytui.core.live_run import LiveRun
    from lazytui.core.manager import RuntimeManager
    from lazytui.core.paths import Paths
    from lazytui.core.run_steps import RunStep
    from lazytui.core.runs import Runs
    from lazytui.core.runtime import Runtime
    from lazytui.core.settings import Settings
    from lazytui.core.step import Place, Step
    from lazytui.core.transfer.progress import Transfers


class TaskDoing(ABC):
    """The part of an engine that is about tasks. The engine sets what is declared here."""

    events: EventBus
    journal: Journal
    manager: RuntimeManager
    origin: str
    paths: Paths
    runs: Runs
    settings: Settings
    _deeds: Deeds

    @abstractmethod
    def connected(self, host: str) -> Runtime:
        """Give the runtime of a host, and see to it that it gets connected."""

    async def run_command(
        self,
        command: str,
        hosts: Sequence[str],
        *,
        name: str | None = None,
        cwd: str | None = None,
        env: Mapping[str, str] | None = None,
        tty: bool = False,
        plan: Plan = AT_ONCE,
    ) -> list[RunRecord]:
        """Run a command on hosts; returns at once, events tell the rest.

        Args:
            command: text for ``/bin/sh``.
            hosts: aliases, one run each. An inactive one gives a failed run with the reason.
            name: of the task; the command by default.
            cwd: directory on the hosts; the home by default.
            env: environment variables on top of the login's.
            tty: give the command a terminal.
            plan: how the runs follow each other, and how long each may take.
        """
        spec = CommandSpec(command, cwd, env, tty)
        runs = await self.start_runs(spec, hosts, name=name, plan=plan)
        return [run.record for run in runs]

    async def send(
        self,
        local: str,
        hosts: Sequence[str],
        remote: str | None = None,
        *,
        checksum: bool = False,
        plan: Plan = AT_ONCE,
    ) -> list[LiveRun]:
        """Send a file or a folder to hosts; gives the runs, to be waited for.

        Args:
            local: on the manager, absolute.
            hosts: aliases, one run each.
            remote: on the hosts, in it if it is a folder or ends with a slash; by default the
                home.
            checksum: compare contents also where size and time are the same.
            plan: how the runs follow each other, and how long each may take.
        """
        return await self.start_runs(SendSpec(local, remote, checksum), hosts, plan=plan)

    async def get(
        self,
        remote: str,
        hosts: Sequence[str],
        local: str | None = None,
        *,
        checksum: bool = False,
        plan: Plan = AT_ONCE,
    ) -> list[LiveRun]:
        """Get a file or a folder from hosts; gives the runs, to be waited for.

        Args:
            remote: on the hosts, a relative path below the home.
            hosts: aliases, one run each. From several, each lands in a folder of its own.
            local: on the manager, in it if it is a folder or ends with a slash; by default the
                present folder.
            checksum: compare contents also where size and time are the same.
            plan: how the runs follow each other, and how long each may take.
        """
        spec = GetSpec(remote, local or f"{Path.cwd()}/", checksum)
        return await self.start_runs(spec, hosts, plan=plan)

    @property
    def transfers(self) -> Transfers:
        """How far the files are that are sent and got."""
        return self.runs.transfers

    async def task_of(self, task_id: int) -> tuple[RuntimeTask, Plan]:
        """Give the steps and the plan of a task that was run.

        Raises:
            UsageError: it was forgotten, or has a step of a kind that is not known here.
        """
        record = await self.journal.task(task_id)
        if record is None or not record.steps:
            raise UsageError(f"#{task_id} was forgotten")
        task = RuntimeTask(record.name)
        for step in RuntimeTask.from_steps(record.steps).steps:
            task.add(step)
        return task, Plan.from_step(record.steps[0])

    async def run_steps(self, run_id: str) -> list[RunStep]:
        """Say how each step of a run stands, and where its output begins.

        Raises:
            UsageError: no such run.
        """
        record = await self.journal.record(run_id)
        steps = await self.journal.steps(record.task_id)
        return steps_of(record, steps, await self.journal.begun_steps(run_id))

    async def run_again(self, task_id: int, hosts: Sequence[str]) -> list[RunRecord]:
        """Run all steps of a task again; see :meth:`start_again`. Returns at once."""
        return [run.record for run in await self.start_again(task_id, hosts)]

    async def restart(self, task_id: int, hosts: Sequence[str]) -> list[RunRecord]:
        """Stop what runs of a task on hosts, and run it again there; see :meth:`restart_runs`."""
        return [run.record for run in await self.restart_runs(task_id, hosts)]

    async def restart_runs(self, task_id: int, hosts: Sequence[str]) -> list[LiveRun]:
        """Stop what runs of a task on hosts, wait for the ends, and run it again there.

        INT comes first, KILL some seconds later. Where a run cannot be ended, it is not run again,
        and a notice says why.

        Args:
            task_id: the task.
            hosts: aliases; on those where nothing of it runs any more, it is just run again.

        Raises:
            UsageError: the task was forgotten, or its runs could be ended on none of the hosts.
        """
        await self.task_of(task_id)  # nothing is stopped that cannot be run again
        records = [
            record
            for record in await self.journal.records(task_id=task_id)
            if record.host in hosts and not record.state.is_final
        ]
        troubles = await end_all(self.runs.stop, self.runs.over, records)
        if records:
            told = "to run it again" + "".join(f"; {h}: {why}" for h, why in troubles.items())
            await self._stopped(records, told)
        for host, why in troubles.items():
            self.events.publish(Notice(f"#{task_id} is not run again on {host}: {why}"))
        able = [host for host in hosts if host not in troubles]
        if not able:
            raise UsageError(f"#{task_id} could not be stopped, so it is not run again")
        return await self.start_again(task_id, able)

    async def start_again(self, task_id: int, hosts: Sequence[str]) -> list[LiveRun]:
        """Run all steps of a task again, in the places where they happened before.

        It waits for what it needs, but not for another task any more.

        Args:
            task_id: the task.
            hosts: aliases, one run each; with a plan for the least busy, one run for all.

        Raises:
            UsageError: the task was forgotten.
        """
        task, plan = await self.task_of(task_id)
        old = await self.journal.records(task_id=task_id)
        places = {record.host: await self.journal.place(record.run_id) for record in old}
        plan = replace(plan, after=0, after_ok=False, among=())
        found = {host: places.get(host, HOME) for host in hosts}
        return await self.start_runs(task, hosts, plan=plan, places=found)

    async def run_task(
        self, task: RuntimeTask, hosts: Sequence[str], *, plan: Plan = AT_ONCE
    ) -> list[RunRecord]:
        """Run a task on hosts; returns at once, events tell the rest.

        Args:
            task: what to run.
            hosts: aliases, one run each; with a plan for the least busy, one run for all.
            plan: how the runs follow each other, and what they wait for.

        Raises:
            UsageError: there is nothing to run, or the plan cannot be fulfilled.
        """
        return [run.record for run in await self.start_runs(task, hosts, plan=plan)]

    async def start_runs(
        self,
        task: RuntimeTask | Step,
        hosts: Sequence[str],
        *,
        name: str | None = None,
        plan: Plan = AT_ONCE,
        places: Mapping[str, Place] | None = None,
    ) -> list[LiveRun]:
        """Run a task on hosts; gives the runs, to be waited for.

        Args:
            task: what to run; a single step is a task of its own.
            hosts: aliases, one run each.
            name: of the task that a single step becomes.
            plan: how the runs follow each other, and how long each may take.
            places: where on each host the steps happen; by default in the user's home.
        """
        if not isinstance(task, RuntimeTask):
            task = RuntimeTask(name).add(task)
        for host in hosts:
            runtime = self.connected(host)
            if runtime.state is HostState.INACTIVE and self.manager.watching:
                runtime.refresh()
        origin = origin_now(self.origin)
        runs = await self.runs.submit(task, hosts, origin=origin, plan=plan, places=places)
        record = runs[0].record
        await self._deeds.note(Deed.RUN_STARTED, _title(record), hosts, task_id=record.task_id)
        return runs

    async def returns(self, run_id: str) -> list[Any]:
        """Give what the functions of a run that has ended returned, in the order of its steps.

        Raises:
            UsageError: no such run.
            FunctionError: one raised, or did not return.
            UntrustedReturnError: one returned more than plain data, and its host is not trusted.
        """
        record = await self.journal.record(run_id)
        steps = [from_step(step) for step in await self.journal.steps(record.task_id)]
        trusted = self.settings.for_host(record.host).trust_returns
        return await values(record, steps, trusted=trusted)

    async def stop_run(self, run_id: str, signal: str = "INT") -> str:
        """Send a signal to a run's process group; see :meth:`Runs.stop`."""
        answer = await self.runs.stop(run_id, signal)
        await self._stopped([await self.journal.record(run_id)], f"{signal} {answer}")
        return answer

    async def stop_runs(self, run_ids: Sequence[str], signal: str = "INT") -> StopReport:
        """Send a signal to the process groups of runs, all at once.

        Args:
            run_ids: the runs; one that has ended is left alone.
            signal: one of :data:`lazytui.core.run_stop.SIGNALS`.

        Returns:
            What came of it, for each host that was not reached the reason.

        Raises:
            UsageError: no such run.
        """
        records = [await self.journal.record(run_id) for run_id in run_ids]
        report = await stop_all(self.runs.stop, records, signal)
        await self._stopped(records, report.text)
        return report

    async def _stopped(self, records: Sequence[RunRecord], result: str) -> None:
        """Note a stop, one line for each task."""
        tasks = {record.task_id: record for record in records}
        for task_id, record in tasks.items():
            hosts = [r.host for r in records if r.task_id == task_id]
            await self._deeds.note(Deed.RUN_STOPPED, _title(record), hosts, result, task_id=task_id)

    async def forget(self, task_ids: Sequence[int]) -> int:
        """Remove tasks from history, with the output of their runs; one not over is left.

        Returns:
            How many tasks are forgotten now.

        Raises:
            SpoolError: output could not be removed; its task stays known.
            JournalError: the journal cannot be used; what was not forgotten stays known.
        """
        count = 0
        for task_id in task_ids:
            records = await self.journal.records(task_id=task_id)
            if not records or not all(record.state.is_final for record in records):
                continue
            # The output first: should this end half way, the task can be forgotten again.
            await remove_spools(self.paths.spool_dir, [record.run_id for record in records])
            steps = await self.journal.steps(task_id)
            self.runs.forget(await self.journal.forget([task_id]))
            await self.runs.forget_functions(steps)
            hosts = [record.host for record in records]
            await self._deeds.note(Deed.FORGOTTEN, _title(records[0]), hosts, task_id=task_id)
            count += 1
        return count


def _title(record: RunRecord) -> str:
    return f"#{record.task_id} {record.name}"
