"""Small TCP services and clients for tests of ports, on the manager or inside a test host."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Sequence

    Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

# Says its name, then gives back what it gets, upper case, until the client has said all.
_SHOUT = """\
import socket, threading
def serve(sock):
    with sock:
        sock.sendall({name!r}.encode() + b"\\n")
        while data := sock.recv(65536):
            sock.sendall(data.upper())
        sock.sendall(b"<end>")
with socket.create_server(("127.0.0.1", {port})) as server:
    print("ready", flush=True)
    while True:
        threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@asynccontextmanager
async def service(handler: Handler, port: int = 0) -> AsyncIterator[int]:
    """Serve on a port of the manager; gives the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await handler(reader, writer)
        writer.close()

    # Room for all clients of a test: a kernel that sends SYN cookies may lose their first bytes.
    server = await asyncio.start_server(serve, "127.0.0.1", port, backlog=4096)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def shout(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Give back what comes, upper case, and say when the client has said all."""
    while data := await reader.read(65536):
        writer.write(data.upper())
        await writer.drain()
    writer.write(b"<end>")
    await writer.drain()


@asynccontextmanager
async def shouting_program(
    port: int, name: str = "shout", prefix: Sequence[str] = ()
) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a service as a program of its own, e.g. ``prefix`` in a network namespace."""
    script = _SHOUT.format(name=name, port=port)
    process = await asyncio.create_subprocess_exec(
        *prefix, sys.executable, "-c", script, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        assert await process.stdout.readline() == b"ready\n"
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def say(port: int, text: bytes, address: str = "127.0.0.1") -> bytes:
    """Connect, say something, say that this was all, and give what comes back."""
    async with asyncio.timeout(30):
        reader, writer = await asyncio.open_connection(address, port)
        writer.write(text)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return answer
