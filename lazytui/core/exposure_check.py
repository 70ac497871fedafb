"""What is asked for, checked before anything is done: addresses, ports, hosts."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from lazytui.core.exposure_model import MAX_SERVICES, Direction
from lazytui.core.host_ports import EVERYWHERE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lazytui.core.exposure_model import ExposureSpec


def check(spec: ExposureSpec, knows: Callable[[str], bool]) -> None:
    """See whether a definition can be meant.

    Args:
        spec: the definition; its ports may be replaced later.
        knows: tells whether there is a host of that name.

    Raises:
        ValueError: it cannot; the message says why.
    """
    _check_services(spec)
    _check_hosts(spec, knows)
    _check_bind(spec)


def _check_services(spec: ExposureSpec) -> None:
    if not 1 <= len(spec.services) <= MAX_SERVICES:
        raise ValueError(f"an exposure has 1 to {MAX_SERVICES} ports, not {len(spec.services)}")
    for service in spec.services:
        check_port(service.port)
        if spec.direction is not Direction.SOCKS:
            check_port(service.service)
    reachable = [service.port for service in spec.services]
    if len(set(reachable)) < len(reachable):
        raise ValueError("a port is named twice as the one where something becomes reachable")


def check_port(port: int) -> None:
    """See whether a number can be a port.

    Raises:
        ValueError: it cannot.
    """
    if isinstance(port, bool) or not isinstance(port, int) or not 1 <= port <= 65535:
        raise ValueError(f"a port is a number from 1 to 65535, not {port!r}")


def _check_hosts(spec: ExposureSpec, knows: Callable[[str], bool]) -> None:
    if spec.direction is Direction.TO_RUNTIMES and spec.source:
        raise ValueError("a port of the manager is exposed: no host has the service")
    if spec.direction is not Direction.TO_RUNTIMES and not spec.source:
        raise ValueError("say which host has the service")
    if spec.on_manager and (spec.targets or spec.group):
        raise ValueError("it becomes reachable on the manager: no other host listens")
    if not spec.on_manager and not spec.targets and not spec.group:
        raise ValueError("say on which hosts it becomes reachable")
    for host in (spec.source, *spec.targets, *spec.exclude):
        if host and not knows(host):
            raise ValueError(f"{host!r} is no host of the ssh config")


def _check_bind(spec: ExposureSpec) -> None:
    try:
        address = ipaddress.ip_address(spec.bind)
    except ValueError:
        raise ValueError(
            f"{spec.bind!r} is no address to listen on, such as 127.0.0.1 or 0.0.0.0"
        ) from None
    if not address.is_loopback and not spec.public:
        who = "everybody who reaches it" if spec.bind in EVERYWHERE else "others"
        raise ValueError(
            f"on {spec.bind} the port is open to {who}: confirm that it shall be public"
        )


def listening_hosts(
    spec: ExposureSpec, groups: dict[str, list[str]], *, lenient: bool = False
) -> list[str]:
    """Give the hosts on which an exposure listens now; none when it does on the manager.

    Args:
        spec: the definition.
        groups: the members of the kept groups.
        lenient: a group that is gone has no members.

    Raises:
        ValueError: there is no such group, or somebody is excluded who is not in it.
    """
    members: Sequence[str] = spec.targets
    if spec.group:
        if spec.group not in groups and not lenient:
            raise ValueError(f"there is no group @{spec.group}")
        members = groups.get(spec.group, [])
        strangers = [host for host in spec.exclude if host not in members]
        if strangers and not lenient:
            raise ValueError(f"{strangers[0]!r} is not in @{spec.group}")
    hosts = [host for host in members if host not in spec.exclude and host != spec.source]
    if not hosts and not spec.on_manager and not lenient:
        raise ValueError("no host is left on which it would become reachable")
    return list(dict.fromkeys(hosts))
