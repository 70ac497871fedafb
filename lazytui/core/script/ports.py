"""Ports that a script makes reachable elsewhere; they end with the runtimes they are for."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING

from lazytui.core.exposure_model import Direction, ExposureSpec, ExposureState, Service
from lazytui.core.script.asking import check_port, check_ports
from lazytui.core.script.together import each
from lazytui.errors import NoPortsLeftError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.exposure_model import Exposure
    from lazytui.core.script.runtime import ScriptRuntime
    from lazytui.core.script.session import Session

Ports = int | list[int] | None


class ScriptExposure:
    """An exposure that a script has set up.

    Args:
        session: what the script holds.
        exposure: as the engine has it.
        hosts: of the runtimes it is for; it ends when all of them, or its source, are done.
    """

    def __init__(self, session: Session, exposure: Exposure, hosts: Sequence[str]) -> None:
        self._session = session
        self._spec = exposure.spec
        self._hosts = set(hosts)

    @property
    def key(self) -> str:
        """How the processes of a runtime name it."""
        services = self._spec.services
        source = self._spec.source or "localhost"
        there, here = (
            ",".join(str(number) for number in numbers)
            for numbers in zip(*((each.service, each.port) for each in services), strict=True)
        )
        return f"port::{self._spec.id}::{source}:{there}->{here}"

    @property
    def number(self) -> int:
        """Of the exposure, in the engine's list."""
        return self._spec.id

    @property
    def port(self) -> int:
        """Where the service became reachable."""
        return self._spec.services[0].port

    @property
    def is_alive(self) -> bool:
        """Whether it is up, or comes back by itself."""
        try:
            state = self._session.engine.exposures.get(self._spec.id).state
        except UsageError:
            return False
        return state not in (ExposureState.OFF, ExposureState.FAILED)

    def check(self, session: Session) -> None:
        """See that it is this session's, or over.

        Raises:
            RuntimeError: it is of another process, from which this one was forked.
        """
        if session is not self._session and self.is_alive:
            raise RuntimeError(f"{self.key} was exposed by another process, which holds it")

    async def wait(self) -> None:
        """Wait until it has ended."""
        with self._session.engine.events.subscribe() as events:
            while self.is_alive:
                await events.drain()

    async def remove(self) -> None:
        """End it; one that is gone already is ignored."""
        with contextlib.suppress(UsageError):
            await self._session.engine.exposures.remove(self._spec.id)

    async def leave(self, host: str) -> None:
        """Say that the runtime of a host is done with it."""
        self._hosts.discard(host)
        if not self._hosts or host == self._spec.source:
            await self.remove()


async def expose_to(
    session: Session,
    runtimes: Sequence[ScriptRuntime],
    local_port: int,
    ports: Ports,
    name: str = "",
) -> ScriptExposure:
    """Make a port of the manager reachable on runtimes.

    Args:
        session: what the script holds.
        runtimes: on all of them, or on none.
        local_port: where the service listens on the manager.
        ports: where it becomes reachable: the same number by default; of several, the first that
            is free on all.
        name: what people see of it.

    Raises:
        ValueError: a port is none, or there is no runtime.
        PortInUseError: the port is taken on a runtime.
        NoPortsLeftError: none of the ports is free on all.
        InvalidRuntimeError, ExposureError: a host cannot be used, or does not allow it.
    """
    return await _expose(session, Direction.TO_RUNTIMES, None, local_port, runtimes, ports, name)


async def expose_from(
    session: Session, runtime: ScriptRuntime, runtime_port: int, ports: Ports
) -> ScriptExposure:
    """Make a port of a runtime reachable on the manager; see :func:`expose_to`."""
    return await _expose(session, Direction.FROM_RUNTIME, runtime, runtime_port, (), ports)


async def expose_between(
    session: Session,
    source: ScriptRuntime,
    runtimes: Sequence[ScriptRuntime],
    runtime_port: int,
    ports: Ports,
) -> ScriptExposure:
    """Make a port of a runtime reachable on others, through the manager; see :func:`expose_to`.

    No port is occupied on the manager.
    """
    return await _expose(session, Direction.TO_GROUP, source, runtime_port, runtimes, ports)


async def expose_part(
    session: Session,
    source: ScriptRuntime,
    others: Sequence[ScriptRuntime],
    ports: Sequence[int],
    name: str,
) -> list[ScriptExposure]:
    """Make ports of a runtime reachable by the same numbers on the manager and on other runtimes.

    As the parts of a cluster want it: all reach all.

    Args:
        session: what the script holds.
        source: where the services are.
        others: the other runtimes; there may be none.
        ports: of the services.
        name: what people see of it.

    Raises:
        PortInUseError: a port is taken somewhere; nothing is left.
        InvalidRuntimeError, ExposureError: a host cannot be used, or does not allow it.
    """
    services = tuple(Service(port, port) for port in ports)
    here = ExposureSpec(Direction.FROM_RUNTIME, services, source=source.host, auto=False, name=name)
    made = [await _add(session, here, [source], None)]
    if others:
        hosts = tuple(other.host for other in others)
        there = replace(here, direction=Direction.TO_GROUP, targets=hosts)
        try:
            made.append(await _add(session, there, [*others, source], None))
        except BaseException:
            await made[0].remove()
            raise
    return made


async def _expose(
    session: Session,
    direction: Direction,
    source: ScriptRuntime | None,
    port: int,
    targets: Sequence[ScriptRuntime],
    ports: Ports,
    name: str = "",
) -> ScriptExposure:
    check_port(port)
    if direction is not Direction.FROM_RUNTIME and not targets:
        raise ValueError(f"there is no host left on which port {port} could be reached")
    wanted = [port if ports is None else ports] if not isinstance(ports, list) else ports
    choices = check_ports(wanted)
    if not choices:
        raise NoPortsLeftError(f"no ports were given to make port {port} reachable on")
    members = [*targets, *([source] if source is not None else [])]
    spec = ExposureSpec(
        direction,
        (Service(port, choices[0]),),
        source=source.host if source is not None else "",
        targets=tuple(target.host for target in targets),
        auto=False,  # it is the script's, and ends with it
        name=name,
    )
    return await _add(session, spec, members, choices if isinstance(ports, list) else None)


async def _add(
    session: Session,
    spec: ExposureSpec,
    members: Sequence[ScriptRuntime],
    choices: list[int] | None,
) -> ScriptExposure:
    await each(members, lambda member: member.connected())
    exposure = await session.engine.exposures.add(spec, choices)
    made = ScriptExposure(session, exposure, [member.host for member in members])
    for member in members:
        member.exposures.append(made)
    return made
