"""The exposures of the seed's API: which port is meant by a number, a list, or nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.exposure_model import Direction, ExposureSpec, Service

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.exposure_model import Exposure
    from lazytui.core.exposures import Exposures

Ports = int | list[int] | None


async def expose_port_to_runtimes(
    exposures: Exposures,
    hosts: Sequence[str],
    local_port: int,
    runtime_port: Ports = None,
    exclude_hosts: str | Sequence[str] | None = None,
    *,
    name: str = "",
) -> Exposure:
    """Make a port of the manager reachable on hosts.

    Args:
        exposures: of the engine.
        hosts: the members of the group.
        local_port: of the service on the manager.
        runtime_port: where it becomes reachable; of a list the first that is free in the whole
            group. By default the same number.
        exclude_hosts: members on which it does not.
        name: given by people.

    Raises:
        PortInUseError: the one port is taken on a host; nothing is left of the exposure.
        NoPortsLeftError: none of the listed ports is free.
        ValueError: an excluded host is no member, or nobody is left.
        ExposureError: a host cannot be reached, or does not allow it.
    """
    excluded = [exclude_hosts] if isinstance(exclude_hosts, str) else list(exclude_hosts or ())
    for host in excluded:
        if host not in hosts:
            raise ValueError(f"{host!r} is not in the group")
    targets = tuple(host for host in hosts if host not in excluded)
    return await _add(
        exposures, Direction.TO_RUNTIMES, local_port, runtime_port, targets=targets, name=name
    )


async def expose_port_from_runtime(
    exposures: Exposures,
    host: str,
    runtime_port: int,
    local_port: Ports = None,
    *,
    name: str = "",
) -> Exposure:
    """Make a port of a host reachable on the manager.

    Args:
        exposures: of the engine.
        host: with the service.
        runtime_port: of the service there.
        local_port: where it becomes reachable; of a list the first that is free. By default the
            same number.
        name: given by people.

    Raises:
        PortInUseError: the one port is taken on the manager.
        NoPortsLeftError: none of the listed ports is free.
        ExposureError: the host cannot be reached.
    """
    return await _add(
        exposures, Direction.FROM_RUNTIME, runtime_port, local_port, source=host, name=name
    )


async def expose_port_from_runtime_to_group(
    exposures: Exposures,
    hosts: Sequence[str],
    host: str,
    runtime_port: int,
    group_port: Ports = None,
    *,
    name: str = "",
) -> Exposure:
    """Make a port of a host reachable on all others of a group; the manager's ports stay free.

    Args:
        exposures: of the engine.
        hosts: the members of the group.
        host: the member with the service.
        runtime_port: of the service there.
        group_port: where it becomes reachable; of a list the first that is free on all others. By
            default the same number.
        name: given by people.

    Raises:
        ValueError: the host is no member, or the only one.
        PortInUseError: the one port is taken on a host; nothing is left of the exposure.
        NoPortsLeftError: none of the listed ports is free.
        ExposureError: a host cannot be reached, or does not allow it.
    """
    if host not in hosts:
        raise ValueError(f"{host!r} is not in the group")
    targets = tuple(other for other in hosts if other != host)
    return await _add(
        exposures,
        Direction.TO_GROUP,
        runtime_port,
        group_port,
        source=host,
        targets=targets,
        name=name,
    )


async def _add(
    exposures: Exposures,
    direction: Direction,
    service: int,
    ports: Ports,
    *,
    source: str = "",
    targets: tuple[str, ...] = (),
    name: str = "",
) -> Exposure:
    """Add an exposure that ends with the script: it is not taken up again by itself."""
    choices = ports if isinstance(ports, list) else None
    port = service if ports is None or isinstance(ports, list) else ports
    spec = ExposureSpec(
        direction=direction,
        services=(Service(service, port),),
        source=source,
        targets=targets,
        auto=False,
        name=name,
    )
    return await exposures.add(spec, choices)
