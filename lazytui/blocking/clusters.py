"""Clusters for scripts: thin over :mod:`lazytui.clusters`."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

from lazytui.blocking.calls import call, is_over
from lazytui.blocking.held import Held
from lazytui.clusters import base, dask, hyperopt
from lazytui.errors import LazytuiError
from lazytui.tables import print_lines

if TYPE_CHECKING:
    from distributed import Client

    from lazytui.blocking.group import RuntimeGroup
    from lazytui.core.script.group import ScriptGroup

Core = TypeVar("Core", bound=base.MasterWorkerCluster)


class RuntimeCluster(Held):
    """Something that runs on a group of runtimes as a whole. Use it in a ``with`` block.

    Its ``cleanup()`` ends it; nothing of it is left on any host.
    """


class MasterWorkerCluster(RuntimeCluster, Generic[Core]):
    """A master and its workers; see :class:`lazytui.clusters.base.MasterWorkerCluster`.

    Launchers are those of :mod:`lazytui.clusters`: their methods are coroutines.
    """

    DEFAULT_MASTER_PORT: ClassVar[int] = base.MasterWorkerCluster.DEFAULT_MASTER_PORT
    DEFAULT_PORT_RANGE_START: ClassVar[int] = base.MasterWorkerCluster.DEFAULT_PORT_RANGE_START
    DEFAULT_PORT_RANGE_END: ClassVar[int] = base.MasterWorkerCluster.DEFAULT_PORT_RANGE_END

    _core: Core

    def __init__(
        self,
        runtime_group: RuntimeGroup,
        ports: list[int] | None = None,
        master_launcher: base.MasterLauncher | None = None,
        worker_launcher: base.WorkerLauncher | None = None,
    ) -> None:
        self._group = runtime_group
        launchers = (master_launcher, worker_launcher)
        self._core = self._make(runtime_group._core, ports, *launchers)

    def _make(
        self,
        group: ScriptGroup,
        ports: list[int] | None,
        master_launcher: base.MasterLauncher | None,
        worker_launcher: base.WorkerLauncher | None,
    ) -> Core:
        raise NotImplementedError

    @property
    def runtime_group(self) -> RuntimeGroup:
        """The hosts of the cluster."""
        return self._group

    @property
    def master_port(self) -> int:
        """Where the master listens, on localhost, here and on every host; 0 before the start."""
        return self._core.master_port

    def start(
        self, worker_count: int | None = None, master_port: int | None = None, debug: bool = False
    ) -> None:
        """Start master and workers; if anything goes wrong, nothing is left.

        Args:
            worker_count: as many as there are hosts by default.
            master_port: the default one, or another that is free, by default.
            debug: print the output of the workers as it arrives.

        Raises:
            MasterStartError: the master did not start, or a host cannot take part.
            PortInUseError, NoPortsLeftError: there are too few free ports.
        """
        call(lambda _: self._core.start(worker_count, master_port, debug))

    def start_master(
        self, master_port: int | None = None, timeout: int = 3, debug: bool = False
    ) -> None:
        """Start the master only; ``timeout`` is in seconds. See :meth:`start`."""
        call(lambda _: self._core.start_master(master_port, timeout, debug))

    def start_workers(self, count: int | None = None, debug: bool = False) -> None:
        """Start more workers; see :meth:`start`."""
        call(lambda _: self._core.start_workers(count, debug))

    def print_log(self) -> None:
        """Print what the master and the workers printed so far."""
        for title, said in call(lambda _: self._core.log()):
            print_lines(title, said.encode().splitlines())

    def cleanup(self) -> None:
        """End workers and master; exposures and processes are gone after it."""
        if not is_over():
            call(lambda _: self._core.cleanup())


class DaskCluster(MasterWorkerCluster[dask.DaskCluster]):
    """Dask on the hosts of a group; see :class:`lazytui.clusters.dask.DaskCluster`."""

    DEFAULT_MASTER_PORT: ClassVar[int] = dask.DaskCluster.DEFAULT_MASTER_PORT

    def _make(
        self,
        group: ScriptGroup,
        ports: list[int] | None,
        master_launcher: base.MasterLauncher | None,
        worker_launcher: base.WorkerLauncher | None,
    ) -> dask.DaskCluster:
        return dask.DaskCluster(group, ports, master_launcher, worker_launcher)

    @property
    def dashboard_url(self) -> str | None:
        """Where the dashboard is, if there is one."""
        return self._core.dashboard_url

    def get_client(self, timeout: int = 2) -> Client:
        """Connect a client of Dask.

        Args:
            timeout: seconds to wait for the scheduler.

        Raises:
            LazytuiError: the cluster was not started.
            OSError: the scheduler does not answer.
        """
        from distributed import Client

        if not self.master_port:
            raise LazytuiError("the cluster was not started: call start() first")
        return Client(  # type: ignore[no-untyped-call]
            self._core.scheduler_address, timeout=timeout
        )

    def scale(self, worker_count: int) -> None:
        """Add workers, or retire the youngest: others take over what these hold."""
        call(lambda _: self._core.scale(worker_count))


class HyperoptCluster(MasterWorkerCluster[hyperopt.HyperoptCluster]):
    """Hyperopt on a group; see :class:`lazytui.clusters.hyperopt.HyperoptCluster`."""

    DEFAULT_MASTER_PORT: ClassVar[int] = hyperopt.HyperoptCluster.DEFAULT_MASTER_PORT

    def __init__(
        self,
        runtime_group: RuntimeGroup,
        mongo_launcher: base.MasterLauncher | None = None,
        worker_launcher: base.WorkerLauncher | None = None,
        dbpath: str | None = None,
        dbname: str = "hyperopt",
        worker_poll_intervall: float = 0.1,
    ) -> None:
        self._settings = (dbpath, dbname, worker_poll_intervall)
        super().__init__(runtime_group, None, mongo_launcher, worker_launcher)

    def _make(
        self,
        group: ScriptGroup,
        ports: list[int] | None,
        master_launcher: base.MasterLauncher | None,
        worker_launcher: base.WorkerLauncher | None,
    ) -> hyperopt.HyperoptCluster:
        dbpath, dbname, poll = self._settings
        return hyperopt.HyperoptCluster(
            group, master_launcher, worker_launcher, dbpath, dbname, poll
        )

    def scale(self, worker_count: int) -> None:
        """Add workers, or end the youngest."""
        call(lambda _: self._core.scale(worker_count))

    @property
    def mongo_url(self) -> str:
        """The database, as MongoDB's own clients want it; here and on every host."""
        return self._core.mongo_url

    @property
    def mongo_trial_url(self) -> str:
        """The database, as ``hyperopt.mongoexp.MongoTrials`` wants it."""
        return self._core.mongo_trial_url
