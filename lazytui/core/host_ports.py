"""Who listens on which port: on a host, asked of its agent, and on the manager."""

from __future__ import annotations

import asyncio
import os
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lazytui.errors import AgentError, ConnectionLostError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.agent import Agent

EVERYWHERE = ("0.0.0.0", "::")  # noqa: S104


@dataclass(frozen=True, slots=True)
class Listening:
    """A socket that listens.

    Args:
        port: its port.
        address: where.
        inode: tells it from others of its host.
        who: ``python3 (pid 42)``, or ``another user's program``; empty when not asked for.
        program: the name of the program; empty where it cannot be known.
        pid: of the program; None where it cannot be known.
    """

    port: int
    address: str
    inode: int
    who: str = ""
    program: str = ""
    pid: int | None = None


async def listening(
    agent: Agent, ports: Sequence[int] | None = None, *, who: bool = False
) -> list[Listening] | None:
    """Ask a host who listens.

    Args:
        agent: of the host.
        ports: only these.
        who: name the programs, too.

    Returns:
        The sockets; None where the host cannot tell.

    Raises:
        AgentError, ConnectionLostError: it was not answered.
    """
    wanted = None if ports is None else list(ports)
    reply = await agent.request("ports_listening", ports=wanted, who=who)
    if not reply.get("known"):
        return None
    try:
        return [_listening(row, who) for row in reply["listening"]]
    except (KeyError, TypeError, ValueError) as error:
        raise AgentError(f"the agent speaks nonsense about ports: {error}") from error


def _listening(row: Sequence[Any], who: bool) -> Listening:
    port, address, inode, _, program, pid = row
    name = sanitize(str(program), max_chars=40)
    words = f"{name} (pid {int(pid)})" if name else "another user's program"
    return Listening(
        port=int(port),
        address=sanitize(str(address), max_chars=50),
        inode=int(inode),
        who=words if who else "",
        program=name,
        pid=int(pid) or None,
    )


async def who_on_host(agent: Agent, port: int) -> str:
    """Name the program that listens on a port of a host; empty when nobody does.

    A host that does not answer gives an empty text, too: this is for messages.
    """
    try:
        found = await listening(agent, [port], who=True)
    except (AgentError, ConnectionLostError):
        return ""
    return found[0].who if found else ""


async def who_on_manager(port: int) -> str:
    """Name the program that listens on a port of the manager; empty when that is not known."""
    return await asyncio.to_thread(_who_on_manager, port)


def _who_on_manager(port: int) -> str:
    import psutil

    try:
        found = [
            each
            for each in psutil.net_connections("tcp")
            if each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port
        ]
        pid = next((each.pid for each in found if each.pid), None)
        if pid is None:
            return "another user's program" if found else ""
        if pid == os.getpid():
            return "lazytui itself"
        return f"{sanitize(psutil.Process(pid).name(), max_chars=40)} (pid {pid})"
    except (psutil.Error, OSError):
        return ""


def free_on_manager(port: int, bind: str) -> bool:
    """Whether a port can be listened on here at this moment."""
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((bind, port))
        except OSError:
            return False
    return True


def bound_as(
    bind: str, port: int, now: Sequence[Listening], before: Sequence[Listening]
) -> tuple[str, str]:
    """Read from who listens what a request to listen has really come to.

    Args:
        bind: the address that was asked for.
        port: the port.
        now: who listens on it now.
        before: who listened on it before.

    Returns:
        The address that was bound, and what is wrong with it: empty, ``taken`` when it is
        another's (sshd tells success when it got only one of IPv4 and IPv6), or ``loopback``
        when sshd does not let others in (``GatewayPorts no``).
    """
    known = {each.inode for each in before}
    ours = [each.address for each in now if each.port == port and each.inode not in known]
    if bind in ours:
        return bind, ""
    if bind in EVERYWHERE and any(address in EVERYWHERE for address in ours):
        got = next(address for address in ours if address in EVERYWHERE)
        both = {each.address for each in before if each.port == port}
        return got, "taken" if bind in both or both & set(EVERYWHERE) else ""
    if ours and all(address in ("127.0.0.1", "::1") for address in ours):
        loopback = "127.0.0.1" if "127.0.0.1" in ours else ours[0]
        taken = bind == "127.0.0.1" or bind == "::1" or "127.0.0.1" not in ours
        return loopback, "taken" if taken else "loopback"
    return ours[0] if ours else "", "taken"
