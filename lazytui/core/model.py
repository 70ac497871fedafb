"""The facts that travel through the house: frozen records without behaviour of their own.

Core objects make them, events carry them, screens and the command line show them.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class HostState(StrEnum):
    """What is known of a host. Every state but ACTIVE comes with a reason."""

    LISTED = "listed"  # in the ssh config, not tried yet
    CONNECTING = "connecting"
    ACTIVE = "active"  # agent up, information read
    STALE = "stale"  # was active; no answer since, or reconnecting
    INACTIVE = "inactive"


class RunState(StrEnum):
    """The states of a run; the last four are final."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    LOST = "lost"

    @property
    def is_final(self) -> bool:
        """True when the run will never change again."""
        return self not in (RunState.QUEUED, RunState.RUNNING)


@dataclass(frozen=True, slots=True)
class RuntimeInfo:
    """What a runtime is. Memory in bytes; memory and cores respect cgroup limits."""

    os: str
    cpu_cores: int
    memory: int
    python_version: str
    gpus: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GpuMetrics:
    """One GPU at one moment: load as a share (0 to 1), memory in bytes."""

    name: str
    load: float
    memory_used: int
    memory_total: int


@dataclass(frozen=True, slots=True)
class Metrics:
    """One sample of a runtime. Shares are 0 to 1, sizes bytes, rates bytes per second.

    ``at`` is the manager's monotonic clock when the sample came in.
    """

    at: float
    cpu: float
    load1: float
    memory_used: int
    memory_total: int
    disk_used: int
    disk_total: int
    net_in: float
    net_out: float
    gpus: tuple[GpuMetrics, ...] = ()

    @property
    def memory_share(self) -> float:
        """Used memory as a share, 0 to 1."""
        return self.memory_used / self.memory_total if self.memory_total else 0.0

    @property
    def disk_share(self) -> float:
        """Used disk as a share, 0 to 1."""
        return self.disk_used / self.disk_total if self.disk_total else 0.0

    @property
    def gpus_free(self) -> int:
        """GPUs that nobody uses: under 5 % load and under 5 % of memory."""
        return sum(
            1 for g in self.gpus if g.load < 0.05 and g.memory_used < 0.05 * max(g.memory_total, 1)
        )


@dataclass(frozen=True, slots=True)
class RunRecord:
    """One run as the journal knows it. Times are epoch seconds of the manager.

    A run that waits to be placed has the hosts it may run on as a node set in ``host``.
    """

    run_id: str
    task_id: int
    name: str
    command: str
    host: str
    state: RunState
    exit_status: int | None
    reason: str
    created: float
    started: float | None
    ended: float | None
    spool: str  # path of the spool file
    step: int = 0  # the last step that its host is known to have started
    placed: str = ""  # why it runs there, if it had to wait or the host was chosen

    @property
    def seconds(self) -> float | None:
        """How long the run took, if it has ended."""
        if self.started is None or self.ended is None:
            return None
        return max(0.0, self.ended - self.started)
