"""The server's side of SOCKS 5 (RFC 1928): no authentication, CONNECT, names left to the host."""

from __future__ import annotations

import asyncio
import socket
from typing import TYPE_CHECKING

from lazytui.ssh.traffic import TargetRefusedError

if TYPE_CHECKING:
    from lazytui.ssh.forward import Stream

VERSION = 5
NO_AUTHENTICATION, NONE_FITS = 0, 0xFF
CONNECT = 1
IPV4, NAME, IPV6 = 1, 3, 4
HOST_UNREACHABLE, NOT_SUPPORTED, NO_SUCH_ADDRESS = 4, 7, 8
TALK_S = 20.0  # how long a client may take to say where it wants to go
_NOWHERE = bytes([0, IPV4, 0, 0, 0, 0, 0, 0])  # the address we are bound to: nobody's business


async def ask(stream: Stream) -> tuple[str, int]:
    """Talk with a client until it has said where it wants to go.

    Args:
        stream: of the client; its service is not known yet.

    Returns:
        Host (a name or an address) and port.

    Raises:
        TargetRefusedError: it speaks another protocol, wants what we do not do, or says nothing.
    """
    try:
        async with asyncio.timeout(TALK_S):
            return await _ask(stream)
    except TimeoutError as error:
        raise TargetRefusedError("the client did not say where it wants to go") from error


async def _ask(stream: Stream) -> tuple[str, int]:
    assert stream.client is not None
    version, count = await stream.take(2)
    if version != VERSION:
        raise TargetRefusedError(f"the client does not speak SOCKS 5 (it began with {version})")
    methods = await stream.take(count)
    if NO_AUTHENTICATION not in methods:
        stream.client.write(bytes([VERSION, NONE_FITS]))
        reason = "the client wants to authenticate; this proxy asks for nothing"
        raise TargetRefusedError(reason, told=True)
    stream.client.write(bytes([VERSION, NO_AUTHENTICATION]))
    version, command, _, kind = await stream.take(4)
    if version != VERSION or command != CONNECT:
        _answer(stream, NOT_SUPPORTED)
        reason = f"the client wants SOCKS command {command}, not CONNECT"
        raise TargetRefusedError(reason, told=True)
    return await _address(stream, kind), int.from_bytes(await stream.take(2), "big")


async def _address(stream: Stream, kind: int) -> str:
    if kind == NAME:
        (size,) = await stream.take(1)
        return (await stream.take(size)).decode("ascii", "replace")
    if kind == IPV4:
        return socket.inet_ntop(socket.AF_INET, await stream.take(4))
    if kind == IPV6:
        return socket.inet_ntop(socket.AF_INET6, await stream.take(16))
    _answer(stream, NO_SUCH_ADDRESS)
    reason = f"the client gave an address of unknown kind {kind}"
    raise TargetRefusedError(reason, told=True)


def accept(stream: Stream) -> None:
    """Tell the client that it is connected."""
    _answer(stream, 0)


def refuse(stream: Stream) -> None:
    """Tell the client that nobody took its connection."""
    _answer(stream, HOST_UNREACHABLE)


def _answer(stream: Stream, code: int) -> None:
    assert stream.client is not None
    stream.client.write(bytes([VERSION, code]) + _NOWHERE)
