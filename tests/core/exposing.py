"""For tests of exposures: engines that hold some, and waiting for how they are."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lazytui.core.exposure_model import Direction, ExposureSpec, ExposureState, Service

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.engine import Engine
    from lazytui.core.exposure_model import Exposure


def from_runtime(host: str, service: int, port: int, **more: object) -> ExposureSpec:
    """A port of a host, on the manager."""
    return ExposureSpec(Direction.FROM_RUNTIME, (Service(service, port),), source=host, **more)  # type: ignore[arg-type]


def to_runtimes(service: int, port: int, *hosts: str, **more: object) -> ExposureSpec:
    """A port of the manager, on hosts."""
    return ExposureSpec(Direction.TO_RUNTIMES, (Service(service, port),), targets=hosts, **more)  # type: ignore[arg-type]


def to_group(host: str, service: int, port: int, *hosts: str, **more: object) -> ExposureSpec:
    """A port of a host, on others."""
    return ExposureSpec(
        Direction.TO_GROUP, (Service(service, port),), source=host, targets=hosts, **more
    )  # type: ignore[arg-type]


def socks(host: str, port: int) -> ExposureSpec:
    """A proxy on the manager, out through a host."""
    return ExposureSpec(Direction.SOCKS, (Service(0, port),), source=host)


async def until(engine: Engine, number: int, holds: Callable[[Exposure], bool]) -> Exposure:
    """Wait until something holds of an exposure."""
    exposure = engine.exposures.get(number)
    try:
        async with asyncio.timeout(40):
            with engine.events.subscribe() as events:
                while not holds(exposure := engine.exposures.get(number)):
                    await events.drain()
    except TimeoutError:
        raise AssertionError(f"never held; the last was {exposure}") from None
    return exposure


async def until_on(engine: Engine, number: int) -> Exposure:
    """Wait until an exposure is on."""
    return await until(engine, number, lambda exposure: exposure.state is ExposureState.ON)


async def until_dropped(engine: Engine, number: int) -> Exposure:
    """Wait until an exposure has broken at least once."""
    return await until(
        engine, number, lambda exposure: any(row.dropped_at for row in exposure.rows)
    )
