"""Hyperopt on a group: trials in a MongoDB on the manager, workers on the hosts."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import tempfile
from typing import TYPE_CHECKING, ClassVar

from lazytui.clusters.base import MasterLauncher, MasterWorkerCluster, WorkerLauncher
from lazytui.clusters.local import LocalProcess, guarded
from lazytui.core.cluster_model import WorkerState
from lazytui.core.script.ports import expose_to
from lazytui.errors import MasterStartError

if TYPE_CHECKING:
    from lazytui.core.script.group import ScriptGroup

MONGO_URL = "MONGO_CONNECTION_URL"
NO_MONGOD = (
    "there is no mongod on this machine: install MongoDB (for example with "
    "`conda install mongodb`, or see https://www.mongodb.com/docs/manual/installation)"
)


class LocalMongoLauncher(MasterLauncher):
    """Starts a ``mongod`` on the manager; it ends with this process, also when that is killed.

    Args:
        runtime_group: the hosts of the cluster.
        dbpath: its folder; by default a temporary one, gone with the cluster.
    """

    title: ClassVar[str] = "mongod"

    def __init__(self, runtime_group: ScriptGroup, dbpath: str | None = None) -> None:
        super().__init__(runtime_group)
        self.dbpath = dbpath
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    async def start(self, ports: list[int], timeout: float = 3, debug: bool = False) -> list[int]:
        """Start it; see :meth:`MasterLauncher.start`."""
        program = shutil.which("mongod")
        if program is None:
            raise MasterStartError(NO_MONGOD)
        group = self.runtime_group
        (self.port,) = await self.claims.take(group.session, group.runtimes, ports, 1)
        path = self.dbpath
        if path is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="lazytui-mongo-")
            path = self._temporary.name
        options = ["--dbpath", path, "--port", str(self.port), "--bind_ip", "127.0.0.1"]
        self.process = LocalProcess("mongod", guarded([program, *options]))
        await self.process.start(self.port, timeout)
        return [port for port in ports if port != self.port]

    async def cleanup(self, *signals: str) -> None:
        """End it, and remove its folder if that was temporary."""
        temporary, self._temporary = self._temporary, None
        try:
            await super().cleanup(*signals)
        finally:
            if temporary is not None:
                await asyncio.to_thread(temporary.cleanup)


class HyperoptWorkerLauncher(WorkerLauncher):
    """Starts ``hyperopt-mongo-worker`` on the hosts.

    Args:
        runtime_group: the hosts of the cluster.
        dbname: of the database.
        poll_interval: seconds between two looks for a trial.
    """

    def __init__(self, runtime_group: ScriptGroup, dbname: str, poll_interval: float) -> None:
        super().__init__(runtime_group)
        self._dbname = dbname
        self._poll_interval = poll_interval
        self._master_port = 0
        self.task_name = lambda number: f"hyperopt-worker-{number + 1}"

    async def start(
        self, worker_count: int, master_port: int, ports: list[int], debug: bool = False
    ) -> list[int]:
        """Start more workers; see :meth:`WorkerLauncher.start`. They use no ports."""
        self._master_port = master_port
        await self.setup_worker_ssh_tunnels()
        words = [
            "hyperopt-mongo-worker",
            f"--mongo=localhost:{master_port}/{self._dbname}",
            f"--poll-interval={self._poll_interval:g}",
        ]
        new = self.new_workers(self.placed(worker_count), (), debug)
        for worker in new:
            worker.task.run_command("exec " + shlex.join(words))
        try:
            await self.begin(new)
        except BaseException:
            await self.end(new)
            raise
        return ports

    async def setup_worker_ssh_tunnels(self) -> None:
        """Make the database reachable on all hosts."""
        if not self.exposures:
            group = self.runtime_group
            port, label = self._master_port, self.master_label
            made = await expose_to(group.session, group.runtimes, port, None, label)
            self.exposures.append(made)


class HyperoptCluster(MasterWorkerCluster):
    """A ``mongod`` on the manager and Hyperopt's workers on the hosts of a group.

    Args:
        runtime_group: the hosts of the cluster.
        mongo_launcher: starts the database.
        worker_launcher: starts the workers.
        dbpath: folder of the database; a temporary one by default.
        dbname: of the database.
        worker_poll_intervall: seconds between two looks of a worker for a trial.
    """

    DEFAULT_MASTER_PORT: ClassVar[int] = 27017

    def __init__(
        self,
        runtime_group: ScriptGroup,
        mongo_launcher: MasterLauncher | None = None,
        worker_launcher: WorkerLauncher | None = None,
        dbpath: str | None = None,
        dbname: str = "hyperopt",
        worker_poll_intervall: float = 0.1,
    ) -> None:
        self._dbpath = dbpath
        self.dbname = dbname
        self._poll_interval = worker_poll_intervall
        super().__init__(runtime_group, None, mongo_launcher, worker_launcher)

    def _make_master(self) -> MasterLauncher:
        return LocalMongoLauncher(self.runtime_group, self._dbpath)

    def _make_workers(self) -> WorkerLauncher:
        return HyperoptWorkerLauncher(self.runtime_group, self.dbname, self._poll_interval)

    @property
    def mongo_url(self) -> str:
        """The database, as MongoDB's own clients want it; here and on every host."""
        return f"mongodb://localhost:{self.master_port}/{self.dbname}"

    @property
    def mongo_trial_url(self) -> str:
        """The database, as ``hyperopt.mongoexp.MongoTrials`` wants it."""
        return f"mongo://localhost:{self.master_port}/{self.dbname}/jobs"

    async def scale(self, worker_count: int) -> None:
        """Add workers, or end the youngest.

        Raises:
            ValueError: the count is not positive.
        """
        if worker_count < 1:
            raise ValueError(f"a cluster needs at least one worker, not {worker_count}")
        launcher = self.worker_launcher
        await launcher.end([each for each in launcher.workers if each.state is WorkerState.STOPPED])
        more = worker_count - len(launcher.workers)
        if more > 0:
            await self.start_workers(more)
        elif more < 0:
            await launcher.end(launcher.workers[more:])

    async def start_workers(self, count: int | None = None, debug: bool = False) -> None:
        """Start more workers; tasks of the group find the database in MONGO_CONNECTION_URL."""
        self.runtime_group.add_env_variables({MONGO_URL: self.mongo_url})
        await super().start_workers(count, debug)
