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
    # The screen is drawn on stderr, so that all three have to be the terminal.
    if not all(os.isatty(number) for number in (0, 1, 2)):
        raise UsageError("the screen needs a terminal; in a pipe use `lazytui hosts`")
    from lazytui.tui.terminal import prepare

    prepare()
    return asyncio.run(_screen(arguments))


async def _screen(arguments: argparse.Namespace) -> int:
    async with common.engine(arguments, on_screen=True) as engine:
        await engine.adopt()
        from lazytui.tui.look import choose
        from lazytui.tui.run import run_app

        look = choose(
            engine.settings,
            theme=arguments.theme,
            ascii_only=arguments.ascii,
            no_mouse=arguments.no_mouse,
            read_only=arguments.readonly,
        )
        # Hundreds of connections that begin at once would keep the rows waiting.
        await run_app(engine, look, on_shown=engine.watch)
    return common.OK


def demo(arguments: argparse.Namespace) -> int:
    """Start pretend hosts, and the screen (or a command) on them; all is gone at the end."""
    words = [word for word in arguments.words if word != "--"]
    if not 1 <= arguments.hosts <= 200:
        raise UsageError("the demo has between 1 and 200 hosts")
    return asyncio.run(_demo(arguments.hosts, look_words(arguments), words))


async def _demo(hosts: int, look: list[str], words: list[str]) -> int:
    from lazytui.demo.cluster import demo_cluster

    async with demo_cluster(hosts) as cluster:
        environ = {**os.environ, **cluster.environ}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "lazytui", "-F", str(cluster.config), *look, *words),
            env=environ,
            cwd=None if words else cluster.home,  # where something lies to be tried
        )
        return await process.wait()


def look_words(arguments: argparse.Namespace) -> list[str]:
    """Give the options of the look for the process that shows the screen."""
    from lazytui.tui.terminal import speaks_utf8

    words = ["--theme", arguments.theme] if arguments.theme else []
    # Python may have changed LC_CTYPE at its start, and the child would believe that.
    words += ["--ascii"] if arguments.ascii or not speaks_utf8() else []
    words += ["--readonly"] if arguments.readonly else []
    return words + (["--no-mouse"] if arguments.no_mouse else [])
