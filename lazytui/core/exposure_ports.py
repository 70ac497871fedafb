"""Ports that may be exposed: the free ones of a choice, and those that listen on a host."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lazytui.core.exposure_model import Suggestion
from lazytui.core.host_ports import EVERYWHERE, free_on_manager, listening
from lazytui.errors import ConnectError, ExposureError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lazytui.core.agent import Agent
    from lazytui.core.exposure_model import Exposure, ExposureSpec
    from lazytui.core.host_ports import Listening
    from lazytui.core.runtime import Runtime

REACHABLE = ("127.0.0.1", "::1", *EVERYWHERE)


async def free_ports(
    choices: Iterable[int], runtimes: Sequence[Runtime], spec: ExposureSpec
) -> list[int]:
    """Give those of some ports that look free wherever an exposure would listen, in their order.

    Args:
        choices: the ports.
        runtimes: where it would listen; none for the manager.
        spec: of the exposure.

    Raises:
        ExposureError: a host cannot be asked.
    """
    wanted = list(choices)
    if spec.on_manager:
        return [port for port in wanted if free_on_manager(port, spec.bind)]
    answers = await asyncio.gather(*(_free_on(runtime, wanted) for runtime in runtimes))
    free = set(wanted).intersection(*answers)
    return [port for port in wanted if port in free]


async def _free_on(runtime: Runtime, ports: Sequence[int]) -> set[int]:
    try:
        agent = await runtime.reach()
    except ConnectError as error:
        raise ExposureError(error.reason, host=runtime.host, unreached=True) from error
    reply = await agent.request("ports_free", ports=list(ports))
    return {port for port in reply.get("free", []) if isinstance(port, int)}


async def suggestions(
    agent: Agent, host: str, exposures: Iterable[Exposure], *, ssh_port: int
) -> list[Suggestion]:
    """List the ports that listen on a host and are not exposed from it yet, by number.

    Args:
        agent: of the host.
        host: its alias.
        exposures: all that there are.
        ssh_port: where its sshd listens, which needs no exposure.

    Raises:
        AgentError, ConnectionLostError: it did not answer.
    """
    exposures = list(exposures)
    passed_on = {
        s.service for each in exposures if each.spec.source == host for s in each.spec.services
    }
    made_by_us = {row.port for each in exposures for row in each.rows if row.host == host}
    known = {ssh_port} | passed_on | made_by_us
    found: dict[int, Listening] = {}
    for each in await listening(agent, who=True) or []:
        if each.port in known or each.program.startswith("sshd"):
            continue
        if each.address in REACHABLE or each.port not in found:
            found.setdefault(each.port, each)
    return [
        Suggestion(each.port, each.address, each.program, each.pid)
        for _, each in sorted(found.items())
    ]
