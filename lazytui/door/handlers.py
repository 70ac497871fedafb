"""Who serves which kind of client. What takes time to import is imported with the first of them."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from lazytui.door.streams import SocketStreams
from lazytui.door.terminal import SocketTerminal
from lazytui.door.terminals import serve_terminal

if TYPE_CHECKING:
    from lazytui.core.engine import Engine
    from lazytui.door.peer import Peer

Handler = Callable[["Engine", "Peer"], Awaitable[int]]
"""Serves one welcomed client until it leaves or is cancelled; gives the client's exit status."""


def handlers() -> dict[str, Handler]:
    """Give the handler of each kind of client."""
    return {"screen": screen, "command": command, "shell": shell}


async def screen(engine: Engine, peer: Peer) -> int:
    """Show the screens on a terminal."""
    terminal = SocketTerminal(peer)
    # Textual takes its time to be imported, in which others are served.
    await asyncio.to_thread(importlib.import_module, "lazytui.door.terminal_app")
    # Hundreds of connections that begin at once would keep the rows waiting.
    return await serve_terminal(engine, terminal, peer.hello, on_shown=engine.watch)


async def command(engine: Engine, peer: Peer) -> int:
    """Carry out a command line."""
    streams = SocketStreams(peer)
    from lazytui.door.commands import serve_command

    return await serve_command(engine, peer.hello, streams)


async def shell(engine: Engine, peer: Peer) -> int:
    """Open a shell on a host."""
    from lazytui.door.passthrough import serve_shell

    return await serve_shell(engine, SocketTerminal(peer), peer.hello)
