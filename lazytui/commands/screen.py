"""``lazytui`` without a command, and ``lazytui demo``: the screen."""

from __future__ import annotations

import asyncio
import os
import sys
from typing import TYPE_CHECKING

from lazytui.commands import common
from lazytui.errors import UsageError

if TYPE_CHECKING:
    import argparse


def screen(arguments: argparse.Namespace) -> int:
    """Show the hosts of the ssh config on the screen."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("the screen needs a terminal; in a pipe use `lazytui hosts`")
    return asyncio.run(_screen(arguments))


async def _screen(arguments: argparse.Namespace) -> int:
    async with common.engine(arguments, on_screen=True) as engine:
        await engine.adopt()
        engine.watch()
        from lazytui.tui.run import run_app

        await run_app(engine)
    return common.OK


def demo(arguments: argparse.Namespace) -> int:
    """Start pretend hosts, and the screen (or a command) on them; all is gone at the end."""
    words = [word for word in arguments.words if word != "--"]
    if not 1 <= arguments.hosts <= 200:
        raise UsageError("the demo has between 1 and 200 hosts")
    return asyncio.run(_demo(arguments.hosts, words))


async def _demo(hosts: int, words: list[str]) -> int:
    from lazytui.demo.cluster import demo_cluster

    async with demo_cluster(hosts) as cluster:
        environ = {**os.environ, **cluster.environ}
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "lazytui", "-F", str(cluster.config), *words, env=environ
        )
        return await process.wait()
