"""What clusters have in common: a master, workers, and launchers that can be exchanged."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

from lazytui.clusters.ports import PortClaims
from lazytui.clusters.workers import KeptWorker
from lazytui.core.script.task import ScriptTask
from lazytui.core.script.together import each
from lazytui.tables import print_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lazytui.clusters.local import LocalProcess
    from lazytui.core.script.group import ScriptGroup
    from lazytui.core.script.ports import ScriptExposure
    from lazytui.core.script.runtime import ScriptRuntime


class MasterLauncher(ABC):
    """Starts the master of a cluster.

    Args:
        runtime_group: the hosts of the cluster.

    Attributes:
        host: where it runs; empty for the manager.
        spare_ports: for what it needs besides the port where it listens.
        label: what people see of its exposures.
    """

    title: ClassVar[str] = "master"
    host = ""
    label = ""

    def __init__(self, runtime_group: ScriptGroup) -> None:
        self.runtime_group = runtime_group
        self.port = 0
        self.process: LocalProcess | None = None
        self.claims = PortClaims()
        self.spare_ports: list[int] = []

    @abstractmethod
    async def start(self, ports: list[int], timeout: float = 3, debug: bool = False) -> list[int]:
        """Start it on the first of some ports, or on the next that is free.

        Args:
            ports: to choose from.
            timeout: seconds until it must listen.
            debug: print its output as it ends.

        Returns:
            The ports that are left.

        Raises:
            MasterStartError: it did not start.
            NoPortsLeftError: none of the ports is free.
        """

    async def runtime(self) -> ScriptRuntime | None:
        """Give its host; None for the manager.

        Raises:
            InvalidRuntimeError: it cannot be used.
        """
        return None

    async def ended(self) -> str:
        """Wait until it ends by itself; gives the reason."""
        if self.process is None:
            await asyncio.Event().wait()
        assert self.process is not None
        return await self.process.wait()

    async def printed(self) -> bytes:
        """Give what it printed last."""
        return b"" if self.process is None else self.process.printed()

    async def cleanup(self, *signals: str) -> None:
        """End it.

        Args:
            signals: as in :meth:`WorkerLauncher.cleanup`.
        """
        if self.process is not None:
            await self.process.stop()
        self.claims.release()


class WorkerLauncher(ABC):
    """Starts and ends the workers of a cluster.

    Args:
        runtime_group: the hosts of the cluster.

    Attributes:
        master_runtime: where the master runs; None for the manager. A master on a host is
            reachable on all others already.
        master_label: what people see of the exposure of a master on the manager.
        on_change: called after each change of a worker; must be quick.
        task_name: gives the name of the task of a worker, by its number from 0.
    """

    def __init__(self, runtime_group: ScriptGroup) -> None:
        self.runtime_group = runtime_group
        self.ports_per_host: dict[str, list[int]] = {}
        self.tasks: list[ScriptTask] = []
        self.workers: list[KeptWorker] = []
        self.exposures: list[ScriptExposure] = []
        self.claims = PortClaims()
        self.master_runtime: ScriptRuntime | None = None
        self.master_label = ""
        self.on_change: Callable[[], None] = lambda: None
        self.task_name: Callable[[int], str] = lambda number: f"worker-{number + 1}"
        self._count = 0

    @abstractmethod
    async def start(
        self, worker_count: int, master_port: int, ports: list[int], debug: bool = False
    ) -> list[int]:
        """Start workers, round robin.

        Args:
            worker_count: how many more.
            master_port: of the master, on localhost everywhere.
            ports: for them to use.
            debug: print their output as it arrives.

        Returns:
            The ports that are left.

        Raises:
            NoPortsLeftError: there are too few.
            InvalidRuntimeError, ExposureError: a host cannot be used.
        """

    @abstractmethod
    async def setup_worker_ssh_tunnels(self) -> None:
        """Make all ports of :attr:`ports_per_host` that are not yet reachable from all others."""

    async def cleanup(self, *signals: str) -> None:
        """End all workers and their exposures.

        Args:
            signals: the first ones to try; TERM and KILL follow, each after some seconds.
        """
        workers, self.workers = self.workers, []
        await each(workers, lambda worker: worker.stop(*signals))
        tasks, self.tasks = self.tasks, []
        runs = [task.execution for task in tasks if task.execution is not None]
        await each(runs, lambda run: run.stop(*signals))
        exposures, self.exposures = self.exposures, []
        await each(exposures, lambda exposure: exposure.remove())
        self.ports_per_host.clear()
        self.claims.release()

    def new_workers(
        self, hosts: Sequence[str], ports: Sequence[int], debug: bool
    ) -> list[KeptWorker]:
        """Make workers, to be started by :meth:`begin`, with their share of some ports each.

        Args:
            hosts: one for each.
            ports: as many for each as for all others.
            debug: print their output as it arrives.
        """
        share = len(ports) // len(hosts) if hosts else 0
        made = []
        for index, host in enumerate(hosts):
            number, self._count = self._count, self._count + 1
            made.append(
                KeptWorker(
                    f"w-{number}",
                    self.runtime_group.get_runtime(host),
                    ScriptTask(self.task_name(number)),
                    tuple(ports[index * share : (index + 1) * share]),
                    on_change=self._changed,
                    tell=print_lines if debug else None,
                )
            )
        return made

    async def begin(self, workers: Sequence[KeptWorker]) -> None:
        """Start workers, all of them at once; they are kept from now on."""
        self.workers += workers
        self.tasks += (worker.task for worker in workers)
        await each(workers, KeptWorker.start)
        self._changed()

    async def end(self, workers: Sequence[KeptWorker]) -> None:
        """End some workers, and forget them."""
        await each(workers, KeptWorker.stop)
        self.workers = [worker for worker in self.workers if worker not in workers]
        gone = {id(worker.task) for worker in workers}
        self.tasks = [task for task in self.tasks if id(task) not in gone]
        self._changed()

    def placed(self, count: int) -> list[str]:
        """Give the hosts of the next workers, those with the fewest first, ties in order."""
        busy = dict.fromkeys(self.runtime_group.hosts, 0)
        for task in self.tasks:
            if task.execution is not None and task.execution.host in busy:
                busy[task.execution.host] += 1
        hosts = []
        for _ in range(count):
            host = min(busy, key=lambda name: busy[name])
            busy[host] += 1
            hosts.append(host)
        return hosts

    def _changed(self) -> None:
        self.on_change()


class RuntimeCluster(ABC):
    """Something that runs on a group of runtimes as a whole. Use it as an async context manager."""

    @abstractmethod
    async def cleanup(self) -> None:
        """End it; nothing of it is left on any host."""

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.cleanup()


class MasterWorkerCluster(RuntimeCluster):
    """A master and its workers. They end with :meth:`cleanup`, or with the session at the latest.

    Args:
        runtime_group: the hosts of the cluster.
        ports: for its parts to use; by default the default range.
        master_launcher: starts the master.
        worker_launcher: starts the workers.

    Raises:
        ValueError: the group has no hosts.
    """

    DEFAULT_MASTER_PORT: ClassVar[int] = 60000
    DEFAULT_PORT_RANGE_START: ClassVar[int] = 60001
    DEFAULT_PORT_RANGE_END: ClassVar[int] = 60200
    START_S: ClassVar[float] = 30.0  # that start() waits for the master; Python may load slowly

    def __init__(
        self,
        runtime_group: ScriptGroup,
        ports: list[int] | None = None,
        master_launcher: MasterLauncher | None = None,
        worker_launcher: WorkerLauncher | None = None,
    ) -> None:
        if not runtime_group.hosts:
            raise ValueError("a cluster needs a group with hosts")
        self.runtime_group = runtime_group
        first, end = self.DEFAULT_PORT_RANGE_START, self.DEFAULT_PORT_RANGE_END
        self.ports = list(ports) if ports is not None else list(range(first, end + 1))
        self.master_launcher = master_launcher or self._make_master()
        self.worker_launcher = worker_launcher or self._make_workers()
        # A launcher may have been made for what an API above shows of the group.
        self.master_launcher.runtime_group = runtime_group
        self.worker_launcher.runtime_group = runtime_group

    @abstractmethod
    def _make_master(self) -> MasterLauncher:
        """Make the launcher that is used unless another is given."""

    @abstractmethod
    def _make_workers(self) -> WorkerLauncher:
        """Make the launcher that is used unless another is given."""

    @property
    def master_port(self) -> int:
        """Where the master listens, on localhost, here and on every host; 0 before the start."""
        return self.master_launcher.port

    async def check(self) -> None:
        """See that all hosts can take part; called before anything is started.

        Raises:
            MasterStartError: one cannot; it says which and why.
        """

    async def start(
        self, worker_count: int | None = None, master_port: int | None = None, debug: bool = False
    ) -> None:
        """Start master and workers; if anything goes wrong, nothing is left.

        Args:
            worker_count: as many as there are hosts by default.
            master_port: the default one, or one of ``ports``, by default.
            debug: print the output of the workers as it arrives.

        Raises:
            MasterStartError: the master did not start, or a host cannot take part.
            PortInUseError, NoPortsLeftError: there are too few free ports.
            InvalidRuntimeError, ExposureError: a host cannot be used.
        """
        try:
            await self.start_master(master_port, self.START_S, debug)
            await self.start_workers(worker_count, debug)
        except BaseException:
            await self.cleanup()
            raise

    async def start_master(
        self, master_port: int | None = None, timeout: float = 3, debug: bool = False
    ) -> None:
        """Start the master; see :meth:`start`.

        Args:
            master_port: where it shall listen.
            timeout: seconds until it must.
            debug: as in :meth:`start`.
        """
        await self.check()
        self.runtime_group.session.at_end(self.cleanup)
        wanted = [self.DEFAULT_MASTER_PORT, *self.ports] if master_port is None else [master_port]
        self.master_launcher.spare_ports = self.ports
        left = await self.master_launcher.start(wanted, timeout, debug)
        taken = {self.master_launcher.port, *self.master_launcher.claims.ports}
        self.ports = [
            port for port in (left if master_port is None else self.ports) if port not in taken
        ]

    async def start_workers(self, count: int | None = None, debug: bool = False) -> None:
        """Start more workers; see :meth:`start`.

        Raises:
            ValueError: the count is not positive.
        """
        count = self.runtime_group.runtime_count if count is None else count
        if count < 1:
            raise ValueError(f"a cluster needs at least one worker, not {count}")
        self.worker_launcher.master_runtime = await self.master_launcher.runtime()
        self.worker_launcher.master_label = self.master_launcher.label
        self.ports = await self.worker_launcher.start(count, self.master_port, self.ports, debug)

    async def log(self) -> list[tuple[str, str]]:
        """Give what its parts printed so far, each with its name and host."""
        master = self.master_launcher
        title = f"{master.title} on {master.host or 'this machine'}"
        parts = [(title, (await master.printed()).decode("utf-8", "replace"))]
        for task in self.worker_launcher.tasks:
            if task.execution is not None:
                title = f"{task.name} on {task.execution.host}"
                parts.append((title, await task.execution.printed()))
        return parts

    async def cleanup(self, *signals: str) -> None:
        """End workers and master; exposures and processes are gone after it.

        Args:
            signals: as in :meth:`WorkerLauncher.cleanup`.
        """
        try:
            await self.worker_launcher.cleanup(*signals)
        finally:
            await self.master_launcher.cleanup(*signals)
