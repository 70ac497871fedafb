"""A Dask cluster on hosts that need not see each other: all traffic goes over exposures."""

from __future__ import annotations

import asyncio
import shlex
import sys
from typing import TYPE_CHECKING, ClassVar

from lazytui.clusters.base import MasterLauncher, MasterWorkerCluster, WorkerLauncher
from lazytui.clusters.dask_master import DaskMasterLauncher, DaskRuntimeMasterLauncher
from lazytui.clusters.versions import check_versions
from lazytui.clusters.workers import last_line
from lazytui.core.cluster_model import WorkerState
from lazytui.core.script.ports import expose_part, expose_to
from lazytui.core.script.together import each
from lazytui.errors import LazytuiError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from distributed import Client

    from lazytui.clusters.workers import KeptWorker
    from lazytui.core.script.ports import ScriptExposure
    from lazytui.core.script.runtime import ScriptRuntime

__all__ = [
    "DaskCluster",
    "DaskMasterLauncher",
    "DaskRuntimeMasterLauncher",
    "DaskWorkerLauncher",
]

PORTS = 2  # of a worker: its own, and its nanny's
DEATH_S = 60  # after which a worker gives up that has lost its scheduler

# A client of Dask in a process of its own: it takes long to be imported, and loops of its own.
_RETIRE = """
import sys
from distributed import Client
address, *workers = sys.argv[1:]
with Client(address, timeout=20, set_as_default=False) as client:
    client.retire_workers(workers)
"""


class DaskWorkerLauncher(WorkerLauncher):
    """Starts workers; each has a nanny, which starts it again when it dies."""

    python: ClassVar[str] = "python3"  # on the hosts

    def __init__(self, runtime_group: object) -> None:
        super().__init__(runtime_group)  # type: ignore[arg-type]
        self.task_name = lambda number: f"dask-worker-{number + 1}"
        self._exposed: dict[int, list[ScriptExposure]] = {}
        self._titles: dict[int, str] = {}  # of the worker that has a port

    @property
    def addresses(self) -> list[str]:
        """Where the workers are reached, from everywhere."""
        return [address(worker) for worker in self.workers]

    async def start(
        self, worker_count: int, master_port: int, ports: list[int], debug: bool = False
    ) -> list[int]:
        """Start more workers; see :meth:`WorkerLauncher.start`. Each needs two ports."""
        group = self.runtime_group
        if master_port not in self._exposed and self.master_runtime is None:
            exposure = await expose_to(
                group.session, group.runtimes, master_port, None, self.master_label
            )
            self._exposed[master_port] = [exposure]
            self.exposures.append(exposure)
        wanted = PORTS * worker_count
        taken = await self.claims.take(group.session, self._members, ports, wanted)
        new = self.new_workers(self.placed(worker_count), taken, debug)
        try:
            for worker in new:
                worker.task.run_command(self._command(worker, master_port))
                self.ports_per_host.setdefault(worker.host, []).extend(worker.ports)
                self._titles.update(dict.fromkeys(worker.ports, worker.task.name))
            await self.setup_worker_ssh_tunnels()
            await self.begin(new)
        except BaseException:
            await self.drop(new)
            raise
        return [port for port in ports if port not in taken]

    async def setup_worker_ssh_tunnels(self) -> None:
        """Make each worker reachable from the manager and from all other hosts, by one number."""
        wanted = []
        for host, ports in self.ports_per_host.items():
            left = [port for port in ports if port not in self._exposed]
            wanted += [(host, left[at : at + PORTS]) for at in range(0, len(left), PORTS)]
        await each(wanted, lambda one: self._expose(*one))

    async def drop(self, workers: Sequence[KeptWorker]) -> list[int]:
        """End workers and their exposures; gives back their ports."""
        await self.end(workers)
        freed: list[int] = []
        for worker in workers:
            for port in worker.ports:
                self.ports_per_host[worker.host].remove(port)
                for exposure in self._exposed.pop(port, ()):
                    if exposure in self.exposures:
                        self.exposures.remove(exposure)
                        await exposure.remove()
            self.claims.release(worker.ports)
            freed += worker.ports
        return freed

    async def cleanup(self, *signals: str) -> None:
        """End all workers and their exposures."""
        self._exposed.clear()
        await super().cleanup(*signals)

    @property
    def _members(self) -> list[ScriptRuntime]:
        """All hosts that talk to each other: those of the group, and that of the scheduler."""
        master = [] if self.master_runtime is None else [self.master_runtime]
        return list(dict.fromkeys((*self.runtime_group.runtimes, *master)))

    async def _expose(self, host: str, ports: list[int]) -> None:
        """Make the ports of a worker reachable."""
        source = self.runtime_group.get_runtime(host)
        others = [member for member in self._members if member is not source]
        name = self._titles.get(ports[0], "")
        made = await expose_part(self.runtime_group.session, source, others, ports, name)
        self.exposures += made
        self._exposed.update(dict.fromkeys(ports, made))

    def _command(self, worker: KeptWorker, master_port: int) -> str:
        port, nanny_port = worker.ports
        options = [
            f"tcp://127.0.0.1:{master_port}",
            "--host=127.0.0.1",
            f"--worker-port={port}",
            f"--nanny-port={nanny_port}",
            f"--name={worker.task.name}",
            f"--death-timeout={DEATH_S}",
            "--no-dashboard",
        ]
        command = shlex.join([self.python, "-m", "distributed.cli.dask_worker", *options])
        return f'exec {command} --local-directory="${{WORKING_DIR:-.}}"'


def address(worker: KeptWorker) -> str:
    """Give where a worker is reached, which is what the scheduler knows it by."""
    return f"tcp://127.0.0.1:{worker.ports[0]}"


class DaskCluster(MasterWorkerCluster):
    """A Dask scheduler on the manager and workers on the hosts of a group.

    With a :class:`DaskRuntimeMasterLauncher` the scheduler runs on a host. Each part reaches each
    other on localhost, by the same port number everywhere. As with all ports on localhost, who has
    an account on one of the machines can reach them, too.
    """

    DEFAULT_MASTER_PORT: ClassVar[int] = 8786

    def _make_master(self) -> MasterLauncher:
        return DaskMasterLauncher(self.runtime_group)

    def _make_workers(self) -> WorkerLauncher:
        return DaskWorkerLauncher(self.runtime_group)

    async def check(self) -> None:
        """See that Python, dask, distributed, cloudpickle and msgpack are the same everywhere."""
        members, master = self.runtime_group.runtimes, self.master_launcher
        if isinstance(master, DaskRuntimeMasterLauncher):
            members = list(dict.fromkeys((*members, await master.runtime())))
        await check_versions(members, DaskWorkerLauncher.python)

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

    async def cleanup(self, *signals: str) -> None:
        """End workers and scheduler; ``map`` of the group does without them again."""
        self.runtime_group.mapper = None
        await super().cleanup(*signals)

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
        gone = [each for each in launcher.workers if each.state is WorkerState.STOPPED]
        self.ports += await launcher.drop(gone)  # by hand: they do not count
        more = worker_count - len(launcher.workers)
        if more > 0:
            await self.start_workers(more)
        elif more < 0:
            await self._retire(launcher.addresses[more:])
            self.ports += await launcher.drop(launcher.workers[more:])

    async def _retire(self, addresses: Sequence[str]) -> None:
        """Have others take over what some workers hold.

        Raises:
            LazytuiError: the scheduler cannot be asked to.
        """
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", _RETIRE, self.scheduler_address, *addresses),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        try:
            said, _ = await process.communicate()
        except BaseException:
            if process.returncode is None:
                process.kill()
                await process.wait()
            raise
        if process.returncode:
            reason = sanitize(last_line(said.decode("utf-8", "replace")), max_chars=300)
            raise LazytuiError(f"the workers cannot be retired: {reason}")
