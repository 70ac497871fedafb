"""What an exposure is, and how it is: frozen records, made by the core, shown by everybody.

An exposure makes a port reachable elsewhere. Its definition (:class:`ExposureSpec`) is kept in the
journal; how it is at a moment (:class:`Exposure`) is in the memory of the engine that holds it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from enum import StrEnum

LOOPBACK = "127.0.0.1"
MANAGER = ""  # as the host of a row: the listener is on the manager
MAX_SERVICES = 1024


class Direction(StrEnum):
    """Which way an exposure leads: where the service is, and where it becomes reachable."""

    TO_RUNTIMES = "manager->runtimes"
    FROM_RUNTIME = "runtime->manager"
    TO_GROUP = "runtime->group"
    SOCKS = "socks"  # a proxy on the manager; names are looked up on the runtime


class ExposureState(StrEnum):
    """How an exposure is, or one row of it."""

    OFF = "off"
    CONNECTING = "connecting"
    ON = "on"
    REFUSED = "refused"  # up, but the last client was refused by the target
    RETRYING = "retrying"
    FAILED = "failed"  # it will not come back before somebody does something; the reason says what


# The worst row tells how the whole is.
_WORST_FIRST = (
    ExposureState.FAILED,
    ExposureState.RETRYING,
    ExposureState.CONNECTING,
    ExposureState.REFUSED,
    ExposureState.ON,
    ExposureState.OFF,
)


@dataclass(frozen=True, slots=True, order=True)
class Service:
    """One port that is made reachable.

    Args:
        service: where the service listens; 0 for a SOCKS proxy.
        port: where it becomes reachable.
    """

    service: int
    port: int


@dataclass(frozen=True, slots=True)
class ExposureSpec:
    """The definition of an exposure.

    Args:
        direction: which way it leads.
        services: its ports, at least one.
        source: the host with the service, or the SOCKS proxy's way out; empty: the manager.
        targets: the hosts where it becomes reachable; empty for the manager and for a group.
        group: the kept group, without ``@``, whose members get it, also those that join later.
        exclude: members of the group that do not get it.
        bind: the address it listens on where it becomes reachable.
        public: another address than loopback was asked for and confirmed.
        auto: take it up again when the engine starts.
        name: given by people; may be empty.
        id: its number in the journal; 0 before it is kept.
    """

    direction: Direction
    services: tuple[Service, ...]
    source: str = MANAGER
    targets: tuple[str, ...] = ()
    group: str = ""
    exclude: tuple[str, ...] = ()
    bind: str = LOOPBACK
    public: bool = False
    auto: bool = True
    name: str = ""
    id: int = 0

    @property
    def on_manager(self) -> bool:
        """Whether clients connect on the manager."""
        return self.direction in (Direction.FROM_RUNTIME, Direction.SOCKS)

    def with_ports(self, ports: tuple[int, ...]) -> ExposureSpec:
        """Give the same services, reachable on other ports."""
        services = zip(self.services, ports, strict=True)
        return replace(self, services=tuple(Service(s.service, port) for s, port in services))


@dataclass(frozen=True, slots=True)
class ExposureRow:
    """One listener of an exposure, and what goes through it.

    Args:
        host: where it listens; :data:`MANAGER` (empty) for the manager.
        service: the port of the service.
        port: the port it listens on.
        state: how it is.
        address: the address that it was really bound to, read back; empty while it is not.
        reason: why it is not on, in plain words; empty when it is.
        attempts: how often in a row it was tried in vain.
        retry_at: when it is tried again, by the monotonic clock; None when nothing is planned.
        connections: open now.
        total: connections since it was started.
        refused: of those, the ones that the target did not take.
        bytes_in: towards the service.
        bytes_out: from the service.
        dropped_at: when it broke last, in epoch seconds; None if it never did.
        dropped_why: the reason of that.
        on_since: when it came up last, in epoch seconds; None while it is not on.
    """

    host: str
    service: int
    port: int
    state: ExposureState
    address: str = ""
    reason: str = ""
    attempts: int = 0
    retry_at: float | None = None
    connections: int = 0
    total: int = 0
    refused: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    dropped_at: float | None = None
    dropped_why: str = ""
    on_since: float | None = None

    def next_retry_s(self) -> float | None:
        """Seconds until it is tried again, or None when nothing is planned."""
        return None if self.retry_at is None else max(0.0, self.retry_at - time.monotonic())


@dataclass(frozen=True, slots=True)
class Exposure:
    """An exposure at one moment.

    Args:
        spec: its definition.
        rows: its listeners; none while it is off.
        holder: the owner text of the other process that holds it; empty when it is this one's,
            or nobody's.
        held_state: what that process noted last.
        held_reason: the reason it noted.
    """

    spec: ExposureSpec
    rows: tuple[ExposureRow, ...] = ()
    holder: str = ""
    held_state: ExposureState = ExposureState.OFF
    held_reason: str = ""

    @property
    def id(self) -> int:
        """Its number in the journal."""
        return self.spec.id

    @property
    def state(self) -> ExposureState:
        """How it is as a whole: as its worst row."""
        if self.holder:
            return self.held_state
        states = {row.state for row in self.rows}
        return next((state for state in _WORST_FIRST if state in states), ExposureState.OFF)

    @property
    def reason(self) -> str:
        """Why the worst row is not on, with its host where there are several; or empty."""
        if self.holder:
            return self.held_reason
        worst = self.state
        rows = [row for row in self.rows if row.state is worst and row.reason]
        if not rows:
            return ""
        prefix = f"{rows[0].host}: " if rows[0].host and len(self.rows) > 1 else ""
        return prefix + rows[0].reason

    @property
    def hosts(self) -> tuple[str, ...]:
        """The hosts that take part, the one with the service first."""
        listening = self.spec.targets or tuple(row.host for row in self.rows)
        source = (self.spec.source,) if self.spec.source else ()
        return tuple(dict.fromkeys((*source, *(host for host in listening if host))))

    @property
    def connections(self) -> int:
        """Open connections, of all rows."""
        return sum(row.connections for row in self.rows)

    @property
    def bytes_in(self) -> int:
        """Bytes towards the service, of all rows."""
        return sum(row.bytes_in for row in self.rows)

    @property
    def bytes_out(self) -> int:
        """Bytes from the service, of all rows."""
        return sum(row.bytes_out for row in self.rows)


@dataclass(frozen=True, slots=True)
class TestResult:
    """What came of trying one listener from its client's side to the service.

    Args:
        host: where the listener is; :data:`MANAGER` for the manager.
        port: of the listener.
        ok: the service took the connection.
        ms: how long that took, in milliseconds; None when it did not.
        reason: why it did not.
    """

    __test__ = False  # no test of pytest

    host: str
    port: int
    ok: bool
    ms: float | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A port that listens on a host and is not exposed yet.

    Args:
        port: the port.
        address: where it listens there: ``127.0.0.1``, ``0.0.0.0``, ``::``.
        program: the name of its program, where it can be known; made harmless.
        pid: of that program; None where it cannot be known.
    """

    port: int
    address: str
    program: str = ""
    pid: int | None = None
