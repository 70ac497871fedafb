"""Who serves which kind of client. What takes time to import is imported with the first of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from lazytui.door.streams import SocketStreams

if TYPE_CHECKING:
    from lazytui.core.engine import Engine
    from lazytui.door.peer import Peer

Handler = Callable[["Engine", "Peer"], Awaitable[int]]
"""Serves one welcomed client until it leaves or is cancelled; gives the client's exit status."""


def handlers() -> dict[str, Handler]:
    """Give the handler of each kind of client."""
    return {"command": command}


async def command(engine: Engine, peer: Peer) -> int:
    """Carry out a command line."""
    streams = SocketStreams(peer)
    from lazytui.door.commands import serve_command

    return await serve_command(engine, peer.hello, streams)
