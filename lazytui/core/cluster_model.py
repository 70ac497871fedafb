"""What a kept cluster is, and how it is: frozen records, made by the engine, shown by everybody.

The definition (:class:`ClusterSpec`) is kept in the journal; how it is at a moment
(:class:`Cluster`) is in the memory of the engine that holds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

MANAGER = ""  # as the host of a master: it runs on the manager


class ClusterKind(StrEnum):
    """What runs on the hosts."""

    DASK = "dask"
    HYPEROPT = "hyperopt"


class ClusterState(StrEnum):
    """How a cluster is."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FAILED = "failed"  # it will not come back before somebody does something; the reason says what


class WorkerState(StrEnum):
    """How one worker is."""

    STARTING = "starting"  # its process runs, the master has not heard of it yet
    RUNNING = "running"
    RETRYING = "retrying"  # it ended, and is started again at ``retry_at``
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class ClusterSpec:
    """The definition of a cluster.

    Args:
        name: given by people, one of its kind among all clusters.
        kind: what runs there.
        where: the hosts, as a WHERE: names, ``@group``, a filter. Looked up at each start.
        workers: how many there shall be; None for one on each host.
        master: the host of a Dask scheduler; :data:`MANAGER` (empty) for the manager. Hyperopt's
            database is always on the manager.
        master_port: where it listens, on localhost everywhere; None for the default of the kind,
            or the next that is free.
        dbpath: Hyperopt only: folder of the database on the manager; empty for a temporary one.
        dbname: Hyperopt only: name of the database.
        poll_interval: Hyperopt only: seconds between two looks of a worker for a trial.
    """

    name: str
    kind: ClusterKind
    where: str
    workers: int | None = None
    master: str = MANAGER
    master_port: int | None = None
    dbpath: str = ""
    dbname: str = "hyperopt"
    poll_interval: float = 0.1


@dataclass(frozen=True, slots=True)
class ClusterWorker:
    """One worker at a moment.

    Args:
        name: ``w-0``.
        host: where it runs.
        state: how it is.
        threads: how many tasks it runs at once; 0 while not known.
        memory: bytes in use; None while not known.
        memory_limit: bytes it may use; None while not known.
        cpu: percent of one core; None while not known.
        doing: what it works on, in a word; ``idle``, or empty while not known.
        seen_at: when its master heard of it last, in epoch seconds; None if it never did.
        reason: why it is not running, in plain words.
        retry_at: when it is started again, by the monotonic clock; None when nothing is planned.
        restarts: how often it was started again.
        run_id: of the run that holds its process; empty while there is none.
    """

    name: str
    host: str
    state: WorkerState
    threads: int = 0
    memory: int | None = None
    memory_limit: int | None = None
    cpu: float | None = None
    doing: str = ""
    seen_at: float | None = None
    reason: str = ""
    retry_at: float | None = None
    restarts: int = 0
    run_id: str = ""


@dataclass(frozen=True, slots=True)
class ClusterVersions:
    """The versions of one thing everywhere, compared before anything starts.

    Args:
        what: ``python``, ``dask``, ``distributed``, ``cloudpickle``, ``hyperopt``, …
        here: the version on the manager; empty where it is missing.
        hosts: by host, its version; empty where it is missing.
        must_match: whether another version than the one here keeps the cluster from starting.
    """

    what: str
    here: str
    hosts: dict[str, str]
    must_match: bool = True

    @property
    def differing(self) -> list[str]:
        """The hosts with another version than the one here."""
        return [host for host, version in self.hosts.items() if version != self.here]


@dataclass(frozen=True, slots=True)
class ClusterCheck:
    """What was found out before a start.

    Args:
        hosts: the hosts that would take part.
        versions: a row for each thing that counts.
        problems: what keeps it from starting, each in one line with what to do; empty: it may.
    """

    hosts: tuple[str, ...]
    versions: tuple[ClusterVersions, ...]
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Cluster:
    """A cluster at a moment.

    Args:
        spec: its definition.
        state: how it is.
        reason: why it is not running, in plain words; empty when it is.
        hosts: the hosts that take part, while it is not stopped.
        wanted: how many workers there shall be; 0 while not known.
        workers: the workers, in the order in which they were started.
        tasks: how many tasks or trials wait or run; None while not known.
        master_port: where the master listens, on localhost everywhere; 0 while it does not.
        dashboard_port: where its dashboard is on the manager; 0 for none.
        check: what the last check found; None before there was one.
        held: whether the process that was asked holds it (or nobody does).
        since: when it came up, in epoch seconds; None while it is not.
    """

    spec: ClusterSpec
    state: ClusterState = ClusterState.STOPPED
    reason: str = ""
    hosts: tuple[str, ...] = ()
    wanted: int = 0
    workers: tuple[ClusterWorker, ...] = ()
    tasks: int | None = None
    master_port: int = 0
    dashboard_port: int = 0
    check: ClusterCheck | None = None
    held: bool = True
    since: float | None = None

    @property
    def name(self) -> str:
        """The name people gave it."""
        return self.spec.name

    @property
    def dashboard_url(self) -> str:
        """Where the dashboard is, in a browser on the manager; empty for none."""
        return f"http://127.0.0.1:{self.dashboard_port}/status" if self.dashboard_port else ""

    @property
    def running(self) -> int:
        """How many workers are running."""
        return sum(worker.state is WorkerState.RUNNING for worker in self.workers)

    @property
    def snippet(self) -> str:
        """The lines of Python with which a script on the manager or on a host uses it."""
        if self.spec.kind is ClusterKind.DASK:
            address = f"tcp://127.0.0.1:{self.master_port}"
            return f'from dask.distributed import Client\n\nclient = Client("{address}")\n'
        url = f"mongo://localhost:{self.master_port}/{self.spec.dbname}/jobs"
        return (
            "from hyperopt.mongoexp import MongoTrials\n\n"
            f'trials = MongoTrials("{url}", exp_key="{self.spec.name}")\n'
        )


@dataclass(frozen=True, slots=True)
class ClusterLog:
    """What one part of a cluster printed.

    Args:
        title: ``scheduler``, ``mongod``, ``w-0``.
        host: where it runs; :data:`MANAGER` (empty) for the manager.
        data: the last bytes it printed, as they came.
        run_id: of the run that holds it; empty when it is a process of the manager.
    """

    title: str
    host: str
    data: bytes
    run_id: str = ""


class Clusters(Protocol):
    """The clusters of a user. All changes are told with ``ClusterChanged``.

    Every coroutine raises UsageError for an unknown name, and JournalError.
    """

    def all(self) -> list[Cluster]:
        """List all clusters, in the order in which they were kept."""

    def get(self, name: str) -> Cluster:
        """Give one.

        Raises:
            UsageError: there is none of that name; it names those there are.
        """

    async def add(self, spec: ClusterSpec) -> Cluster:
        """Keep a definition; nothing is started.

        Raises:
            UsageError: the name is taken or no name, the WHERE is wrong, a value does not fit.
        """

    async def change(self, name: str, spec: ClusterSpec) -> Cluster:
        """Keep another definition for a cluster that is stopped.

        Raises:
            UsageError: it runs, or as in :meth:`add`.
        """

    async def remove(self, name: str) -> None:
        """Stop a cluster and forget it."""

    async def check(self, spec: ClusterSpec) -> ClusterCheck:
        """Look whether a cluster could start: hosts, versions, programs. Starts nothing."""

    async def start(self, name: str) -> None:
        """Check it, start master and workers, and wait until they run; a failed one too.

        Raises:
            MasterStartError: a host cannot take part, or the master did not start.
            NoPortsLeftError, InvalidRuntimeError, ExposureError: as it says.
        """

    async def stop(self, name: str, *, force: bool = False) -> None:
        """End workers, exposures and master.

        Args:
            name: of the cluster.
            force: kill them instead of asking.
        """

    async def scale(self, name: str, workers: int) -> None:
        """Add workers, or retire the youngest.

        Raises:
            UsageError: it is not running, or the number is below 1.
        """

    async def logs(self, name: str) -> Sequence[ClusterLog]:
        """Give what its parts printed last, the master first; at most 256 KiB of each."""
