"""Small questions to a host, one round trip each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.errors import AgentError, ConnectError, ConnectionLostError, InvalidRuntimeError
from lazytui.remote.checks import is_free

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Any

    from lazytui.core.frames import Header
    from lazytui.core.runtime import Runtime

SHELL_S = 60.0  # that making or deleting a folder may take


def check_port(port: object) -> int:
    """Give a port that was given by somebody.

    Raises:
        ValueError: it is no number from 1 to 65535.
    """
    if isinstance(port, bool) or not isinstance(port, int) or not 0 < port < 65536:
        raise ValueError(f"a port is a number from 1 to 65535, not {port!r}")
    return port


def check_ports(ports: Sequence[int]) -> list[int]:
    """Give the ports of a list, each once, in their order.

    Raises:
        ValueError: one is no port.
    """
    return list(dict.fromkeys(check_port(port) for port in ports))


def free_here(ports: Sequence[int]) -> list[int]:
    """Give those of some ports that nobody on this machine listens on, in their order."""
    return [port for port in ports if is_free(port)]


def several(given: str | Iterable[str] | None) -> list[str]:
    """Give what was given as one, as several or not at all, as a list."""
    if given is None:
        return []
    return [given] if isinstance(given, str) else list(given)


async def free_ports(runtime: Runtime, ports: Sequence[int]) -> list[int]:
    """Give those of some ports that nobody listens on, in their order.

    Raises:
        InvalidRuntimeError: the host cannot be asked now.
    """
    answer = await _ask(runtime, "ports_free", ports=list(ports))
    free = answer.get("free")
    return [port for port in ports if isinstance(free, list) and port in free]


async def shell(runtime: Runtime, command: str) -> str:
    """Run a short command in the home folder, and give the end of what it printed.

    Raises:
        InvalidRuntimeError: the host cannot be asked now, or it took longer than a minute.
    """
    answer = await _ask(runtime, "probe", commands=[command], timeout=SHELL_S)
    said = answer.get("said")
    text = said[0] if isinstance(said, list) and said else None
    if not isinstance(text, str):
        raise InvalidRuntimeError(runtime.host, f"no answer in {SHELL_S:g} s")
    return text


async def _ask(runtime: Runtime, op: str, **fields: Any) -> Header:
    try:
        agent = await runtime.reach()
        return await agent.request(op, **fields)
    except (ConnectError, AgentError, ConnectionLostError) as error:
        raise InvalidRuntimeError(runtime.host, str(error)) from error
