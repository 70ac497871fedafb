"""An engine that dies at a chosen point: ``python -m tests.crashing POINT HOST COMMAND``.

Instead of a command, ``call FILE.py:FUNCTION`` calls a function.

It kills itself with SIGKILL, so nothing is flushed, closed or told. The points are those between
which a run could be forgotten or started twice.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Any

from lazytui.core.agent import Agent
from lazytui.core.engine import Engine
from lazytui.core.functions import find, pickled
from lazytui.core.journal import Journal
from lazytui.core.model import RunState
from lazytui.core.paths import Paths
from lazytui.core.settings import Settings
from lazytui.core.task import CommandSpec
from lazytui.ssh.config import SSHConfig

POINTS = (
    "journaled",  # the run is in the journal; the host has never heard of it
    "answered",  # the job has started; the journal does not know
    "output",  # some of the output is in the spool
    "unrecorded",  # the end has come in; the journal does not know
    "unforgotten",  # the end is in the journal; the host still has the job
)


def die() -> None:
    """End now, as the kernel ends a process that is out of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


class DyingAgent(Agent):
    """Dies instead of asking for a certain thing."""

    deadly: tuple[str, ...] = ()

    async def request(self, op: str, payload: bytes = b"", **fields: Any) -> dict[str, Any]:
        if op in self.deadly:
            die()
        return await super().request(op, payload, **fields)


class DyingJournal(Journal):
    """Dies instead of noting a certain state."""

    deadly: tuple[RunState, ...] = ()

    async def update_run(self, run_id: str, **change: Any) -> bool:
        if change.get("state") in self.deadly:
            die()
        return await super().update_run(run_id, **change)


def prepare(point: str) -> None:
    """Arrange the death at a point."""
    from lazytui.core import agent, engine

    agent.Agent = DyingAgent  # type: ignore[misc]
    engine.Journal = DyingJournal  # type: ignore[misc]
    if point == "journaled":
        DyingAgent.deadly = ("job_start", "function_start")
    elif point == "unforgotten":
        DyingAgent.deadly = ("job_forget",)
    elif point == "answered":
        DyingJournal.deadly = (RunState.RUNNING,)
    elif point == "unrecorded":
        DyingJournal.deadly = tuple(state for state in RunState if state.is_final)


async def main(point: str, host: str, command: str) -> None:
    """Run the command until the point is reached."""
    prepare(point)
    paths = Paths.of_user()
    paths.create()
    async with Engine(SSHConfig.load(), Settings(), paths, origin="script") as engine:
        word, _, function = command.partition(" ")
        step = pickled(find(function), {}) if word == "call" else CommandSpec(command)
        (run,) = await engine.start_runs(step, [host])
        spool = Path(run.record.spool)
        if point == "output":
            while not spool.exists() or not spool.stat().st_size:
                await asyncio.sleep(0.01)
            die()
        await run.done.wait()
        await asyncio.sleep(30)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
