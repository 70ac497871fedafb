"""A cluster that this process holds: started, looked after, scaled, and ended."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from lazytui.clusters.dask import DaskCluster, DaskRuntimeMasterLauncher, address
from lazytui.clusters.dask_master import SchedulerLauncher
from lazytui.clusters.hyperopt import HyperoptCluster
from lazytui.clusters.scheduler import SchedulerFacts, WorkerFacts, ask_scheduler
from lazytui.core.cluster_model import (
    ClusterKind,
    ClusterLog,
    ClusterWorker,
    WorkerState,
)
from lazytui.core.cluster_store import ClusterParts
from lazytui.core.model import HostState
from lazytui.core.script.session import GuestSession
from lazytui.errors import LazytuiError, MasterStartError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lazytui.clusters.workers import KeptWorker
    from lazytui.core.cluster_model import ClusterSpec
    from lazytui.core.engine import Engine
    from lazytui.core.script.execution import Execution
    from lazytui.core.script.group import ScriptGroup

UP_S = 60.0  # that start() waits for the first words of the workers
LOOK_S, START_LOOK_S = 2.0, 0.25  # between two looks; a scheduler tells nobody of changes
LOG_BYTES = 256 * 1024  # of each part


class HeldCluster:
    """Holds a cluster from ``start`` to ``stop``.

    Args:
        engine: the running one.
        spec: the definition.
        hosts: that take part.
        on_change: called after each change; must be quick.
    """

    def __init__(
        self,
        engine: Engine,
        spec: ClusterSpec,
        hosts: Sequence[str],
        on_change: Callable[[], None],
    ) -> None:
        self._engine = engine
        self.spec = spec
        self.hosts = tuple(hosts)
        self.wanted = spec.workers or len(hosts)
        self._on_change = on_change
        self._session = GuestSession(engine)
        self._cluster: DaskCluster | HyperoptCluster | None = None
        self._facts = SchedulerFacts({}, None)
        self._gone: set[str] = set()  # places of workers that have ended
        self._scaling = asyncio.Lock()
        self._scales: set[asyncio.Task[None]] = set()
        self._is_ending = False
        self.last_words: list[ClusterLog] = []  # what its parts had printed when it ended

    # -- from its start to its end

    async def start(self) -> None:
        """Start it, and wait until its workers run, or until one does and the others are retried.

        Raises:
            LazytuiError: it could not be started; call :meth:`stop`.
        """
        await self._session.__aenter__()
        group = await self._session.group(hosts=self.hosts)
        cluster = self._cluster = _make(self.spec, group)
        master, launcher = cluster.master_launcher, cluster.worker_launcher
        master.label = f"{self.spec.name} {master.title}"
        launcher.on_change = self._worker_changed
        launcher.task_name = lambda number: f"{self.spec.name} w-{number}"
        await cluster.start(self.wanted, self.spec.master_port)
        await self._wait_for_workers(cluster)

    async def watch(self) -> str:
        """Look after it until its master ends; gives the reason."""
        assert self._cluster is not None
        ended = asyncio.ensure_future(self._cluster.master_launcher.ended())
        try:
            while True:
                await self.look()
                done, _ = await asyncio.wait((ended,), timeout=LOOK_S)
                if done:
                    return ended.result()
        finally:
            ended.cancel()

    async def stop(self, *signals: str) -> ClusterParts:
        """End it; gives what is left of it on hosts that are away.

        Args:
            signals: the first ones to try; TERM and KILL follow, each after some seconds.
        """
        self._is_ending = True
        for scaling in self._scales:  # else it would go on with workers for what has ended
            scaling.cancel()
        if self._scales:
            await asyncio.wait(set(self._scales))
        runs, folders = self._executions(), self.parts().folders
        try:
            self.last_words = await self.logs()
            if self._cluster is not None:
                await self._cluster.cleanup(*signals)
        finally:
            await self._session.__aexit__(None, None, None)
        left = [run for run in runs if run.is_alive]
        away = {run.host for run in left}
        known = self._engine.runtimes
        away |= {host for host in folders if host in known and known[host].agent is None}
        return ClusterParts(
            runs=tuple(run.record.run_id for run in left),
            folders={host: paths for host, paths in folders.items() if host in away},
        )

    async def scale(self, workers: int) -> None:
        """Add workers and wait until they run, or retire the youngest.

        Raises:
            LazytuiError: it could not be done, or the cluster is stopped meanwhile.
        """
        stopped = LazytuiError(f"{self.spec.name} was stopped while it was scaled")
        if self._is_ending:
            raise stopped
        scaling = asyncio.create_task(self._scale(workers), name=f"scale {self.spec.name}")
        self._scales.add(scaling)
        try:
            await asyncio.wait((scaling,))
        except asyncio.CancelledError:
            scaling.cancel()
            await asyncio.wait((scaling,))
            raise
        finally:
            self._scales.discard(scaling)
        if scaling.cancelled():
            raise stopped
        scaling.result()

    async def _scale(self, workers: int) -> None:
        assert self._cluster is not None
        async with self._scaling:
            before, self.wanted = self.wanted, workers
            try:
                await self._cluster.scale(workers)
            except BaseException:
                self.wanted = before
                raise
        await self._wait_for_workers(self._cluster)
        self._on_change()

    async def look(self) -> None:
        """Ask the scheduler how its workers are; one that does not answer is asked again later."""
        if not self.dashboard_port:
            return
        with contextlib.suppress(OSError, ValueError):
            facts = await ask_scheduler(self.dashboard_port)
            if facts != self._facts:
                self._facts = facts
                self._on_change()

    # -- how it is

    @property
    def master_port(self) -> int:
        """Where the master listens; 0 while it does not."""
        return 0 if self._cluster is None else self._cluster.master_port

    @property
    def dashboard_port(self) -> int:
        """Where the dashboard is on the manager; 0 for none."""
        master = None if self._cluster is None else self._cluster.master_launcher
        return master.dashboard_port if isinstance(master, SchedulerLauncher) else 0

    @property
    def tasks(self) -> int | None:
        """How many tasks wait or run; None while not known."""
        return self._facts.tasks

    def workers(self) -> tuple[ClusterWorker, ...]:
        """Give the workers as they are now."""
        return tuple(self._shown(worker) for worker in self._workers())

    def parts(self) -> ClusterParts:
        """Give what it consists of now."""
        cluster = self._cluster
        if cluster is None:
            return ClusterParts()
        exposures = list(cluster.worker_launcher.exposures)
        if isinstance(cluster.master_launcher, DaskRuntimeMasterLauncher):
            exposures += cluster.master_launcher.exposures
        folders = {
            runtime.host: runtime.temporary_dirs
            for runtime in self._session.runtimes
            if runtime.temporary_dirs
        }
        return ClusterParts(
            runs=tuple(run.record.run_id for run in self._executions() if run.is_alive),
            exposures=tuple(exposure.number for exposure in exposures),
            folders=folders,
            master_port=self.master_port,
            dashboard_port=self.dashboard_port,
        )

    async def logs(self) -> list[ClusterLog]:
        """Give what its parts printed last."""
        if self._cluster is None:
            return []
        master = self._cluster.master_launcher
        run = master.task.execution if isinstance(master, DaskRuntimeMasterLauncher) else None
        found = [
            ClusterLog(
                master.title,
                master.host,
                (await master.printed())[-LOG_BYTES:],
                "" if run is None else run.record.run_id,
            )
        ]
        for worker in self._workers():
            if (run := worker.task.execution) is not None:
                said = await run.printed_last(LOG_BYTES)
                found.append(ClusterLog(worker.name, worker.host, said, run.record.run_id))
        return found

    # -- inside

    def _worker_changed(self) -> None:
        """Do not take a worker that has ended for its successor, before the scheduler knows."""
        for worker in self._workers():
            facts = self._known(worker)
            if worker.state is WorkerState.RETRYING and facts is not None:
                self._gone.add(facts.place)
        self._on_change()

    def _known(self, worker: KeptWorker) -> WorkerFacts | None:
        if not isinstance(self._cluster, DaskCluster):
            return None
        facts = self._facts.workers.get(address(worker))
        return None if facts is None or facts.place in self._gone else facts

    def _workers(self) -> list[KeptWorker]:
        return [] if self._cluster is None else list(self._cluster.worker_launcher.workers)

    def _executions(self) -> list[Execution]:
        """Give the runs there are: those of the workers, and one of a master on a host."""
        tasks = [worker.task for worker in self._workers()]
        if self._cluster is not None:
            master = self._cluster.master_launcher
            tasks += [master.task] if isinstance(master, DaskRuntimeMasterLauncher) else []
        return [task.execution for task in tasks if task.execution is not None]

    async def _wait_for_workers(self, cluster: DaskCluster | HyperoptCluster) -> None:
        """Wait until each worker runs, or is tried again.

        Raises:
            MasterStartError: the master has ended, or no worker came up.
        """
        ended = asyncio.ensure_future(cluster.master_launcher.ended())
        try:
            await self._settle(ended)
        finally:
            ended.cancel()
        if ended.done() and not ended.cancelled():
            raise MasterStartError(ended.result())
        shown = self.workers()
        if not any(worker.state is WorkerState.RUNNING for worker in shown):
            reasons = [
                f"{each.name} on {each.host}: {each.reason or 'no word from it'}" for each in shown
            ]
            raise MasterStartError("no worker came up. " + "; ".join(reasons[:5]))

    async def _settle(self, ended: asyncio.Future[str]) -> None:
        """Wait until no worker is starting, for a while: what has not come yet says so."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(UP_S):
                while not ended.done():
                    await self.look()
                    if all(worker.state is not WorkerState.STARTING for worker in self.workers()):
                        return
                    await asyncio.wait((ended,), timeout=START_LOOK_S)

    def _shown(self, worker: KeptWorker) -> ClusterWorker:
        state, reason = worker.state, worker.reason
        facts = self._known(worker)
        if state is WorkerState.STARTING and worker.run_id:
            runtime = self._engine.runtime(worker.host)
            if runtime.state is not HostState.ACTIVE:
                reason = sanitize(f"{worker.host} is out of reach: {runtime.reason}")
            elif facts is not None or (not self.dashboard_port and worker.has_started):
                state, reason = WorkerState.RUNNING, ""
        shown = ClusterWorker(
            worker.name,
            worker.host,
            state,
            reason=reason,
            retry_at=worker.retry_at,
            restarts=worker.restarts,
            run_id=worker.run_id,
        )
        if facts is None or state is not WorkerState.RUNNING:
            return shown
        return replace(
            shown,
            threads=facts.threads,
            memory=facts.memory,
            memory_limit=facts.memory_limit,
            cpu=facts.cpu,
            doing=facts.doing,
            seen_at=facts.seen_at,
        )


def _make(spec: ClusterSpec, group: ScriptGroup) -> DaskCluster | HyperoptCluster:
    if spec.kind is ClusterKind.DASK:
        master = DaskRuntimeMasterLauncher(group, spec.master) if spec.master else None
        return DaskCluster(group, None, master)
    return HyperoptCluster(
        group,
        dbpath=spec.dbpath or None,
        dbname=spec.dbname,
        worker_poll_intervall=spec.poll_interval,
    )
