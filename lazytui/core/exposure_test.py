"""Trying an exposure from end to end: a client of our own at each listener, as far as the service.

That a listener accepts means nothing, as sshd accepts before anybody is asked. What became of the
client is known here: the stream was joined with the service, or refused for a reason.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

from lazytui.core.exposure_model import MANAGER, Direction, ExposureState, TestResult
from lazytui.core.host_ports import EVERYWHERE
from lazytui.errors import AgentError, ConnectionLostError

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.exposure_live import LiveExposure
    from lazytui.core.exposure_row import Row
    from lazytui.core.runtime import Runtime

LIMIT_S = 10.0


async def test_exposure(
    live: LiveExposure, runtime_of: Callable[[str], Runtime]
) -> list[TestResult]:
    """Try each listener, all at once."""
    return list(await asyncio.gather(*(_test_row(live, row, runtime_of) for row in live.rows)))


async def _test_row(
    live: LiveExposure, row: Row, runtime_of: Callable[[str], Runtime]
) -> TestResult:
    port = row.service.port
    shown = row.snapshot()
    if shown.state not in (ExposureState.ON, ExposureState.REFUSED):
        return TestResult(row.host, port, False, reason=shown.reason or str(shown.state))
    if live.spec.direction is Direction.SOCKS:
        return await _test_way(live, row)
    started = time.monotonic()
    try:
        async with asyncio.timeout(LIMIT_S):
            client = await (_knock(row) if row.host == MANAGER else _knock_there(row, runtime_of))
            refusal = await asyncio.shield(row.outcomes.expect(client))
    except TimeoutError:
        return TestResult(row.host, port, False, reason=f"no answer in {LIMIT_S:g} s")
    except (OSError, AgentError, ConnectionLostError) as error:
        return TestResult(row.host, port, False, reason=str(error))
    if refusal:
        return TestResult(row.host, port, False, reason=refusal)
    return TestResult(row.host, port, True, ms=(time.monotonic() - started) * 1000)


async def _knock(row: Row) -> int:
    """Connect to a listener of the manager; gives the port we came from."""
    _, writer = await asyncio.open_connection(_client_address(row), row.service.port)
    client = int(writer.get_extra_info("sockname")[1])
    await asyncio.shield(row.outcomes.expect(client))  # gone before, there would be no outcome
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return client


async def _knock_there(row: Row, runtime_of: Callable[[str], Runtime]) -> int:
    """Have a host connect to a listener of its own; gives the port it came from."""
    agent = runtime_of(row.host).agent
    if agent is None:
        raise ConnectionLostError("connection lost")
    reply = await agent.request(
        "ports_connect", address=_client_address(row), port=row.service.port, timeout=LIMIT_S
    )
    if reply.get("error"):
        raise AgentError(f"its own listener: {reply['error']}")
    return int(reply.get("port", 0))


async def _test_way(live: LiveExposure, row: Row) -> TestResult:
    """A proxy has no service of its own: whether the host answers is all there is to know."""
    source = live.source
    agent = source.runtime.agent if source is not None else None
    started = time.monotonic()
    try:
        if agent is None:
            raise ConnectionLostError("connection lost")
        async with asyncio.timeout(LIMIT_S):
            await agent.request("ping")
    except (TimeoutError, AgentError, ConnectionLostError) as error:
        return TestResult(row.host, row.service.port, False, reason=str(error) or "no answer")
    return TestResult(row.host, row.service.port, True, ms=(time.monotonic() - started) * 1000)


def _client_address(row: Row) -> str:
    """Where a client on the same machine connects."""
    if row.address in EVERYWHERE:
        return "::1" if row.address == "::" else "127.0.0.1"
    return row.address or "127.0.0.1"
