"""Engines for tests: on a farm's hosts, with a state folder of their own, in or out of process."""

from __future__ import annotations

import asyncio
import logging
import random
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.cli import main
from lazytui.clusters.registry import ClusterRegistry
from lazytui.core.engine import Engine
from lazytui.core.paths import Paths
from lazytui.core.settings import Settings
from lazytui.core.task import CommandSpec
from lazytui.ssh.config import SSHConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import pytest

    from lazytui.core.live_run import LiveRun
    from lazytui.core.model import RunRecord
    from tests.sshd import SSHFarm

ROOT = Path(__file__).parents[1]

QUICK = Settings()
QUICK = replace(
    QUICK,
    connect=replace(QUICK.connect, timeout_s=3.0, backoff_first_s=0.02, backoff_max_s=0.2),
)


def paths_of(farm: SSHFarm) -> Paths:
    """The folders of a manager whose home is the farm's; the command line finds the same."""
    paths = Paths.of_user(farm.env())
    paths.create()
    return paths


@asynccontextmanager
async def engine_on(
    farm: SSHFarm, *, settings: Settings = QUICK, watching: bool = False
) -> AsyncIterator[Engine]:
    """Run an engine on the hosts of a farm; ``watching`` is how a screen has it."""
    config = SSHConfig.load(farm.config, home=farm.home)
    made = Engine(config, settings, paths_of(farm), origin="script", home=farm.home)
    async with made as engine, ClusterRegistry(engine):
        if watching:
            engine.watch()
        yield engine


async def start(engine: Engine, host: str, command: str, **spec: object) -> LiveRun:
    """Start a command on one host and give its run."""
    (run,) = await engine.start_runs(CommandSpec(command, **spec), [host])  # type: ignore[arg-type]
    return run


async def ended(run: LiveRun) -> RunRecord:
    """Wait for the end of a run; gives its record."""
    async with asyncio.timeout(60):
        await run.done.wait()
    return run.record


async def grown(engine: Engine, run: LiveRun, size: int) -> int:
    """Wait until the spool of a run has ``size`` bytes, or the run is over; gives its length."""
    path = Path(run.record.spool)
    async with asyncio.timeout(60):
        with engine.events.subscribe() as events:
            while (length := _length(path)) < size and not run.done.is_set():
                await events.drain()
    return length


async def until(engine: Engine, run: LiveRun, text: str) -> None:
    """Wait until the reason of a run contains a text."""
    async with asyncio.timeout(60):
        with engine.events.subscribe() as events:
            while text not in run.record.reason:
                assert not run.done.is_set(), run.record
                await events.drain()


def output(run: LiveRun) -> bytes:
    """What is in the spool of a run."""
    path = Path(run.record.spool)
    return path.read_bytes() if path.exists() else b""


def _length(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def lazytui(
    farm: SSHFarm, *words: str, data: bytes | None = None, **env: str
) -> subprocess.CompletedProcess[bytes]:
    """Run the command line as the farm's user and wait for its end."""
    return subprocess.run(
        [sys.executable, "-m", "lazytui", *words],
        env=environment(farm, **env),
        input=data,
        capture_output=True,
        timeout=60,
        check=False,
    )


def lazytui_here(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], *words: str
) -> tuple[int, str, str]:
    """Run the command line in this process, which is quicker; gives code, stdout and stderr."""
    for name, value in environment(farm).items():
        monkeypatch.setenv(name, value)
    log = logging.getLogger("lazytui")
    try:
        code = main(words)
    except SystemExit as error:  # of argparse
        code = int(str(error.code))
    finally:
        for handler in list(log.handlers):
            log.removeHandler(handler)
            handler.close()
        log.propagate = True
    out, err = capfd.readouterr()
    return code, out, err


def lazytui_started(farm: SSHFarm, *words: str, **env: str) -> subprocess.Popen[bytes]:
    """Start the command line as the farm's user; use it in a ``with`` block and end it."""
    return subprocess.Popen(
        [sys.executable, "-m", "lazytui", *words],
        env=environment(farm, **env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def environment(farm: SSHFarm, **more: str) -> dict[str, str]:
    """The environment in which the farm's user runs this checkout."""
    return {**farm.env(), "PYTHONPATH": str(ROOT), **more}


# Bytes of every value, in blocks with pauses, so that there is something to cut.
_NOISE = """\
import os, random, time
source = random.Random({seed})
for _ in range({blocks}):
    block = source.randbytes({size})
    while block:
        block = block[os.write(1, block):]
    time.sleep({pause})
raise SystemExit({status})
"""


def noisy(
    seed: int, *, blocks: int, size: int = 32768, pause: float = 0.01, status: int = 0
) -> tuple[str, bytes]:
    """A command that prints reproducible noise, and what it prints."""
    script = _NOISE.format(seed=seed, blocks=blocks, size=size, pause=pause, status=status)
    source = random.Random(seed)
    wanted = b"".join(source.randbytes(size) for _ in range(blocks))
    return f"exec python3 - <<'END'\n{script}END\n", wanted
