"""Hyperopt on a group: trials in a MongoDB on the manager, workers on the hosts."""

from __future__ import annotations

import shlex
import shutil
import tempfile
from typing import TYPE_CHECKING, ClassVar

from lazytui.clusters.base import MasterLauncher, MasterWorkerCluster, WorkerLauncher, take_free
from lazytui.clusters.local import LocalProcess
from lazytui.core.script.ports import expose_to
from lazytui.core.script.task import ScriptTask
from lazytui.core.script.tracking import start
from lazytui.errors import MasterStartError
from lazytui.tables import print_lines

if TYPE_CHECKING:
    from lazytui.core.script.group import ScriptGroup

MONGO_URL = "MONGO_CONNECTION_URL"


class LocalMongoLauncher(MasterLauncher):
    """Starts a ``mongod`` on the manager.

    Args:
        runtime_group: the hosts of the cluster.
        dbpath: its folder; by default a temporary one, gone with the cluster.
    """

    def __init__(self, runtime_group: ScriptGroup, dbpath: str | None = None) -> None:
        super().__init__(runtime_group)
        self.dbpath = dbpath
        self._temporary: tempfile.TemporaryDirectory[str] | None = None

    async def start(self, ports: list[int], timeout: float = 3, debug: bool = False) -> list[int]:
        """Start it; see :meth:`MasterLauncher.start`."""
        program = shutil.which("mongod")
        if program is None:
            raise MasterStartError(
                "there is no mongod on this machine: install MongoDB (for example with "
                "`conda install mongodb`, or see https://www.mongodb.com/docs/manual/installation)"
            )
        (self.port,) = await take_free(self.runtime_group, ports, 1)
        path = self.dbpath
        if path is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="lazytui-mongo-")
            path = self._temporary.name
        options = ["--dbpath", path, "--port", str(self.port), "--bind_ip", "127.0.0.1"]
        self.process = LocalProcess("mongod", [program, *options])
        await self.process.start(self.port, timeout)
        return [port for port in ports if port != self.port]

    async def cleanup(self) -> None:
        """End it, and remove its folder if that was temporary."""
        await super().cleanup()
        if self._temporary is not None:
            self._temporary.cleanup()


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
        self._count = 0

    async def start(
        self, worker_count: int, master_port: int, ports: list[int], debug: bool = False
    ) -> list[int]:
        """Start more workers; see :meth:`WorkerLauncher.start`. They use no ports."""
        self._master_port = master_port
        await self.setup_worker_ssh_tunnels()
        group = self.runtime_group
        words = [
            "hyperopt-mongo-worker",
            f"--mongo=localhost:{master_port}/{self._dbname}",
            f"--poll-interval={self._poll_interval:g}",
        ]
        for host in self.placed(worker_count):
            self._count += 1
            task = ScriptTask(f"hyperopt-worker-{self._count}")
            task.run_command("exec " + shlex.join(words))
            pair = (group.get_runtime(host), task)
            tell = print_lines if debug else None
            await start(group.session, [pair], omit_on_join=True, tell=tell)
            self.tasks.append(task)
        return ports

    async def setup_worker_ssh_tunnels(self) -> None:
        """Make the database reachable on all hosts."""
        if not self.exposures:
            group = self.runtime_group
            made = await expose_to(group.session, group.runtimes, self._master_port, None)
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

    async def start_workers(self, count: int | None = None, debug: bool = False) -> None:
        """Start more workers; tasks of the group find the database in MONGO_CONNECTION_URL."""
        self.runtime_group.add_env_variables({MONGO_URL: self.mongo_url})
        await super().start_workers(count, debug)
