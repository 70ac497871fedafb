"""A Dask cluster on hosts that need not see each other: all traffic goes over exposures."""

from __future__ import annotations

import shlex
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from lazytui.clusters.base import MasterLauncher, MasterWorkerCluster, WorkerLauncher, take_free
from lazytui.clusters.local import LocalProcess
from lazytui.clusters.versions import check_versions
from lazytui.core.script.ports import expose_between, expose_from, expose_to
from lazytui.core.script.task import ScriptTask
from lazytui.core.script.together import each
from lazytui.core.script.tracking import start
from lazytui.errors import LazytuiError
from lazytui.tables import print_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from distributed import Client

    from lazytui.core.script.ports import ScriptExposure

DEATH_S = 60  # after which a worker gives up that has lost its scheduler

# The scheduler ends with this process, also when that is killed: its stdin ends then.
_SCHEDULER = """
import os, sys, threading
def follow():
    sys.stdin.buffer.read()
    os._exit(0)
threading.Thread(target=follow, daemon=True).start()
from distributed.cli.dask_scheduler import main
main()
"""


class DaskMasterLauncher(MasterLauncher):
    """Starts a scheduler on the manager, with its dashboard."""

    dashboard_port = 0

    async def start(self, ports: list[int], timeout: float = 3, debug: bool = False) -> list[int]:
        """Start it; see :meth:`MasterLauncher.start`. A second port is for the dashboard."""
        self.port, *more = await take_free(self.runtime_group, ports, min(2, len(ports)))
        self.dashboard_port = more[0] if more else 0
        dashboard = (
            [f"--dashboard-address=127.0.0.1:{self.dashboard_port}"] if more else ["--no-dashboard"]
        )
        options = ["--host=127.0.0.1", f"--port={self.port}", *dashboard]
        command = [sys.executable, "-c", _SCHEDULER, *options]
        self.process = LocalProcess("the Dask scheduler", command)
        await self.process.start(self.port, timeout)
        return [port for port in ports if port not in (self.port, self.dashboard_port)]


@dataclass(frozen=True)
class _Worker:
    host: str
    port: int
    nanny_port: int
    task: ScriptTask


class DaskWorkerLauncher(WorkerLauncher):
    """Starts workers; each has a nanny, which starts it again when it dies."""

    python: ClassVar[str] = "python3"  # on the hosts

    def __init__(self, runtime_group: object) -> None:
        super().__init__(runtime_group)  # type: ignore[arg-type]
        self._workers: list[_Worker] = []
        self._exposed: dict[int, list[ScriptExposure]] = {}
        self._count = 0

    @property
    def addresses(self) -> list[str]:
        """Where the workers are reached, from everywhere."""
        return [f"tcp://127.0.0.1:{worker.port}" for worker in self._workers]

    async def start(
        self, worker_count: int, master_port: int, ports: list[int], debug: bool = False
    ) -> list[int]:
        """Start more workers; see :meth:`WorkerLauncher.start`. Each needs two ports."""
        group = self.runtime_group
        taken = await take_free(group, ports, 2 * worker_count)
        if master_port not in self._exposed:
            exposure = await expose_to(group.session, group.runtimes, master_port, None)
            self._exposed[master_port] = [exposure]
            self.exposures.append(exposure)
        new = []
        for index, host in enumerate(self.placed(worker_count)):
            self._count += 1
            port, nanny = taken[2 * index : 2 * index + 2]
            new.append(_Worker(host, port, nanny, ScriptTask(f"dask-worker-{self._count}")))
            self.ports_per_host.setdefault(host, []).extend((port, nanny))
        await self.setup_worker_ssh_tunnels()
        for worker in new:
            worker.task.run_command(self._command(worker, master_port))
            runtime = group.get_runtime(worker.host)
            tell = print_lines if debug else None
            # To join a group is to wait for its work, not for its workers.
            await start(group.session, [(runtime, worker.task)], omit_on_join=True, tell=tell)
            self.tasks.append(worker.task)
            self._workers.append(worker)
        return [port for port in ports if port not in taken]

    async def setup_worker_ssh_tunnels(self) -> None:
        """Make each worker reachable from the manager and from all other hosts, by one number."""
        wanted = [
            (host, port)
            for host, ports in self.ports_per_host.items()
            for port in ports
            if port not in self._exposed
        ]
        await each(wanted, lambda one: self._expose(*one))

    async def remove(self, count: int) -> list[int]:
        """End the youngest workers; gives back their ports.

        Args:
            count: how many.
        """
        leaving, self._workers = self._workers[-count:], self._workers[:-count]
        freed = []
        for worker in leaving:
            if worker.task.execution is not None:
                await worker.task.execution.stop()
            self.tasks.remove(worker.task)
            for port in (worker.port, worker.nanny_port):
                self.ports_per_host[worker.host].remove(port)
                for exposure in self._exposed.pop(port, ()):
                    await exposure.remove()
                    self.exposures.remove(exposure)
                freed.append(port)
        return freed

    async def cleanup(self) -> None:
        """End all workers and their exposures."""
        self._workers.clear()
        self._exposed.clear()
        await super().cleanup()

    async def _expose(self, host: str, port: int) -> None:
        group = self.runtime_group
        source = group.get_runtime(host)
        made = self._exposed[port] = [await expose_from(group.session, source, port, None)]
        self.exposures.append(made[0])
        others = [member for member in group.runtimes if member is not source]
        if others:
            made.append(await expose_between(group.session, source, others, port, None))
            self.exposures.append(made[-1])

    def _command(self, worker: _Worker, master_port: int) -> str:
        options = [
            f"tcp://127.0.0.1:{master_port}",
            "--host=127.0.0.1",
            f"--worker-port={worker.port}",
            f"--nanny-port={worker.nanny_port}",
            f"--name={worker.task.name}",
            f"--death-timeout={DEATH_S}",
            "--no-dashboard",
        ]
        command = shlex.join([self.python, "-m", "distributed.cli.dask_worker", *options])
        return f'exec {command} --local-directory="${{WORKING_DIR:-.}}"'


class DaskCluster(MasterWorkerCluster):
    """A Dask scheduler on the manager and workers on the hosts of a group.

    Each part reaches each other on localhost, by the same port number everywhere. As with all
    ports on localhost, who has an account on one of the machines can reach them, too.
    """

    DEFAULT_MASTER_PORT: ClassVar[int] = 8786

    def _make_master(self) -> MasterLauncher:
        return DaskMasterLauncher(self.runtime_group)

    def _make_workers(self) -> WorkerLauncher:
        return DaskWorkerLauncher(self.runtime_group)

    async def check(self) -> None:
        """See that Python, dask, distributed, cloudpickle and msgpack are the same everywhere."""
        await check_versions(self.runtime_group, DaskWorkerLauncher.python)

    @property
    def scheduler_address(self) -> str:
        """Where clients reach the scheduler, from this machine and from each host."""
        return f"tcp://127.0.0.1:{self.master_port}"

    @property
    def dashboard_url(self) -> str | None:
        """Where the dashboard is, if there is one."""
        port = getattr(self.master_launcher, "dashboard_port", 0)
        return f"http://127.0.0.1:{port}/status" if port else None

    async def get_client(self, timeout: float = 2) -> Client:
        """Connect an asynchronous client; close it when done.

        Args:
            timeout: seconds to wait for the scheduler.

        Raises:
            LazytuiError: the cluster was not started.
            OSError: the scheduler does not answer.
        """
        from distributed import Client

        if not self.master_port:
            raise LazytuiError("the cluster was not started: call start() first")
        client: Client = await Client(  # type: ignore[no-untyped-call]
            self.scheduler_address, timeout=timeout, asynchronous=True
        )
        return client

    async def start_workers(self, count: int | None = None, debug: bool = False) -> None:
        """Start more workers; ``map`` of the group uses them from now on."""
        await super().start_workers(count, debug)
        self.runtime_group.mapper = self._map

    async def cleanup(self) -> None:
        """End workers and scheduler; ``map`` of the group does without them again."""
        self.runtime_group.mapper = None
        await super().cleanup()

    async def _map(self, function: Callable[[Any], Any], items: list[Any]) -> list[Any]:
        async with await self.get_client() as client:
            found: list[Any] = await client.gather(client.map(function, items, pure=False))
        return found

    async def scale(self, worker_count: int) -> None:
        """Add workers, or retire the youngest: others take over what these hold.

        Args:
            worker_count: how many there shall be.

        Raises:
            ValueError: the count is not positive.
            LazytuiError: the workers were started by a launcher that cannot do it.
        """
        launcher = self.worker_launcher
        if not isinstance(launcher, DaskWorkerLauncher):
            raise LazytuiError(f"{type(launcher).__name__} cannot retire workers")
        if worker_count < 1:
            raise ValueError(f"a cluster needs at least one worker, not {worker_count}")
        more = worker_count - len(launcher.addresses)
        if more > 0:
            await self.start_workers(more)
        elif more < 0:
            async with await self.get_client() as client:
                await client.retire_workers(launcher.addresses[more:])
            self.ports += await launcher.remove(-more)
