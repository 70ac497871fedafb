"""An engine with its socket in the test's own process, whose screens echo what is typed."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from lazytui import __version__
from lazytui.clusters.registry import ClusterRegistry
from lazytui.core.engine import Engine
from lazytui.core.paths import Paths
from lazytui.core.settings import Settings
from lazytui.door.server import Server, bind
from lazytui.door.terminal import SocketTerminal
from lazytui.rendezvous import meeting_point
from lazytui.ssh.config import SSHConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from lazytui.door.handlers import Handler
    from lazytui.door.peer import Peer
    from lazytui.rendezvous import Rendezvous

SCREEN_ON = b"\x1b[?1049h\x1b[?25l\x1b[?1000;1006h\x1b[>1u"
SCREEN_OFF = b"\x1b[<u\x1b[?1000;1006l\x1b[?25h\x1b[?1049l"


class Echo:
    """Serves a terminal: says hello, tells sizes, echoes lines; ``q`` leaves.

    ``z`` stops the client, ``x`` crashes, and ``f`` writes more than a terminal takes.
    """

    def __init__(self, engine: Engine, peer: Peer) -> None:
        self.channel = SocketTerminal(peer)
        self.engine = engine
        self.over: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def serve(self) -> int:
        """Run until the user leaves."""
        self.channel.write(SCREEN_ON + b"hello %dx%d;" % self.channel.size)
        self.channel.start(self)
        return await self.over

    def received(self, data: bytes) -> None:
        """Echo."""
        if self.over.done():
            return
        if b"q" in data:
            self.channel.write(SCREEN_OFF)
            self.channel.close(7, "left")
            self.over.set_result(0)
        elif b"x" in data:
            self.over.set_exception(RuntimeError("crashed"))
        elif b"z" in data:
            self.channel.stop()
        elif b"f" in data:
            self.channel.write(b"flood " * 1_000_000)
        else:
            self.channel.write(b"got " + data.hex().encode() + b";")

    def resized(self, columns: int, rows: int) -> None:
        """Tell it."""
        self.channel.write(b"size %dx%d;" % (columns, rows))

    def drained(self) -> None:
        """Tell it."""
        self.channel.write(b"drained;")

    def closed(self) -> None:
        """End."""
        if not self.over.done():
            self.over.set_result(0)


async def echo(engine: Engine, peer: Peer) -> int:
    """Be the handler of screens."""
    return await Echo(engine, peer).serve()


class Served:
    """What a test has to do with."""

    def __init__(self, engine: Engine, server: Server, meeting: Rendezvous) -> None:
        self.engine = engine
        self.server = server
        self.meeting = meeting
        self.stopped = asyncio.Event()


@asynccontextmanager
async def serving(
    handlers: Mapping[str, Handler] | None = None, *, version: str = __version__
) -> AsyncIterator[Served]:
    """Serve at the socket where ``lazytui attach`` of this test's home looks for it."""
    paths = Paths.of_user()
    paths.create()
    meeting = meeting_point()
    stopped = asyncio.Event()
    made = Engine(SSHConfig.load(), Settings(), paths)
    async with made as engine, ClusterRegistry(engine):
        server = Server(
            engine,
            bind(meeting.socket),
            meeting,
            handlers or {"screen": echo},
            version=version,
            on_stop=stopped.set,
        )
        async with server:
            served = Served(engine, server, meeting)
            served.stopped = stopped
            yield served
