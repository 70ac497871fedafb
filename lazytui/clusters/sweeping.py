"""Clears away what is left of a cluster: after a crash, or on hosts that were out of reach."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

from lazytui.core.exposure_model import ExposureState
from lazytui.core.script import folders
from lazytui.core.script.together import each
from lazytui.errors import (
    AgentError,
    ConnectError,
    ConnectionLostError,
    InvalidRuntimeError,
    UsageError,
)

if TYPE_CHECKING:
    from lazytui.core.cluster_store import ClusterParts
    from lazytui.core.engine import Engine

FIRST_S, LONGEST_S = 1.0, 60.0  # between two tries on a host that is away


async def sweep(engine: Engine, parts: ClusterParts) -> None:
    """End runs and remove exposures and folders; what is out of reach is tried until it is not.

    Args:
        engine: the running one.
        parts: of a cluster that nobody holds.
    """
    await engine.exposures.load()
    for number in parts.exposures:
        with contextlib.suppress(UsageError):  # it is gone
            if engine.exposures.get(number).state is ExposureState.OFF:
                await engine.exposures.remove(number)
    await each(parts.runs, lambda run_id: _end(engine, run_id))
    places = [(host, path) for host, paths in parts.folders.items() for path in paths]
    await each(places, lambda place: _delete(engine, *place))


async def _end(engine: Engine, run_id: str) -> None:
    pause, signal = FIRST_S, "TERM"
    while True:
        try:
            if (await engine.journal.record(run_id)).state.is_final:
                return
            await engine.stop_run(run_id, signal)
            signal = "KILL"
        except (UsageError, KeyError):
            return  # it is forgotten
        except (ConnectError, AgentError, ConnectionLostError):
            pass
        await asyncio.sleep(pause)
        pause = min(2 * pause, LONGEST_S)


async def _delete(engine: Engine, host: str, path: str) -> None:
    pause = FIRST_S
    while host in engine.runtimes:
        try:
            await folders.delete(engine.connected(host), path)
        except InvalidRuntimeError:
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_S)
        else:
            return
