"""A cluster of pretend hosts on loopback, for whoever wants to look at lazytui first.

The hosts are real SSH servers in a process of their own, so that they never slow the engine;
their commands are real processes; only their loads, sizes and GPUs are made up.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.demo.stage import Stage
from lazytui.demo.sweep import sweep
from lazytui.errors import LazytuiError, UsageError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
MAX_HOSTS = 500


@dataclass(frozen=True, slots=True)
class DemoCluster:
    """Pretend hosts that are up.

    ``config`` is the ssh config to pass as ``-F``, ``home`` a temporary home with its ``.ssh``,
    and ``environ`` what to set so that journal, spool and settings stay in there too.
    """

    config: Path
    home: Path
    environ: dict[str, str]


@asynccontextmanager
async def demo_cluster(hosts: int = 8) -> AsyncIterator[DemoCluster]:
    """Have pretend hosts for the length of the ``async with``.

    Everything is gone afterwards, also when this process is killed: the servers run in a child
    that ends, and sweeps up, as soon as its stdin is closed.

    Args:
        hosts: how many, 1 to 500. Of the first eight, one refuses connections and one is silent.

    Raises:
        UsageError: so many hosts cannot be.
        LazytuiError: they did not start; the message says why.
    """
    if not 1 <= hosts <= MAX_HOSTS:
        raise UsageError(f"the demo has 1 to {MAX_HOSTS} hosts, not {hosts}")
    root = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix="lazytui-demo-"))
    try:
        async with _servers(root, hosts):
            stage = Stage(root)
            yield DemoCluster(stage.config, stage.home, _environ(stage.home))
    finally:
        await asyncio.to_thread(sweep, root)


def _environ(home: Path) -> dict[str, str]:
    return {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "XDG_STATE_HOME": str(home / ".local" / "state"),
        "XDG_DATA_HOME": str(home / ".local" / "share"),
        "XDG_CACHE_HOME": str(home / ".cache"),
    }


@asynccontextmanager
async def _servers(root: Path, hosts: int) -> AsyncIterator[None]:
    log = root / "serve.log"
    with log.open("wb") as stderr:
        child = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "lazytui.demo.serve",
            str(root),
            str(hosts),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            start_new_session=True,  # Ctrl-C is for lazytui; the servers end after it
        )
    try:
        await _wait_ready(child, log)
        yield
    finally:
        await _end(child)


async def _wait_ready(child: asyncio.subprocess.Process, log: Path) -> None:
    assert child.stdout is not None
    try:
        async with asyncio.timeout(START_TIMEOUT_S):
            line = await child.stdout.readline()
    except TimeoutError:
        message = f"the pretend hosts did not start within {START_TIMEOUT_S:.0f} s"
        raise LazytuiError(message) from None
    if line != b"ready\n":
        said = await asyncio.to_thread(_last_line, log)
        raise LazytuiError(f"the pretend hosts did not start: {said}")


def _last_line(log: Path) -> str:
    try:
        lines = log.read_text(errors="replace").split("\n")
    except FileNotFoundError:  # swept up already
        return "their process ended at once"
    return next((line for line in reversed(lines) if line.strip()), "no reason given")


async def _end(child: asyncio.subprocess.Process) -> None:
    assert child.stdin is not None
    child.stdin.close()
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
