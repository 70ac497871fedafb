"""The channel to the program on a host that takes or gives files."""

from __future__ import annotations

import asyncio
import secrets
from typing import TYPE_CHECKING

from lazytui.core import bundle
from lazytui.errors import ConnectionLostError, TransferError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from lazytui.ssh.connection import Channel, Connection

SLICE = 1 << 15  # bytes handed to the channel at once: one packet, so that nothing is cut
HIGH, LOW = 4 << 20, 1 << 20  # bytes from the host that wait for us until it is held
BATCH, BATCH_S = 1 << 20, 0.02  # bytes worth a thread, and how long they are waited for
NOISE = 1 << 16  # bytes that a login script may print first


class Line:
    """One transfer's channel; use it in an ``async with``.

    Args:
        connection: to the host.
        python: the interpreter there.

    Raises:
        ConnectionLostError: the connection broke, or the host gave no session.
    """

    def __init__(self, connection: Connection, python: str) -> None:
        self._connection = connection
        self._python = python
        self._channel: Channel | None = None
        self._marker: bytes | None = secrets.token_hex(16).encode()
        self._incoming: list[bytes] = []
        self._size = 0
        self._held = False
        self._news = asyncio.Event()
        self._enough = 1  # bytes that are news at once
        self._timer: asyncio.TimerHandle | None = None
        self._complaints = b""
        self._end: str | None = None  # why nothing comes any more

    async def __aenter__(self) -> Self:
        assert self._marker is not None
        source = bundle.mover_source(self._marker)
        line = bundle.exec_line(self._python, len(source))
        self._channel = await self._connection.open(line, self)
        self._channel.write(source)
        return self

    async def __aexit__(self, *exc: object) -> None:
        self.channel.close()

    @property
    def channel(self) -> Channel:
        """The open channel."""
        assert self._channel is not None
        return self._channel

    # -- what the channel tells

    def received(self, data: bytes) -> None:
        """Take bytes from the host; the first are perhaps those of a login script."""
        if self._marker is not None:
            data = b"".join((*self._incoming, data))
            at = data.find(self._marker)
            if at < 0:
                self._incoming = [data[-NOISE:]]
                return
            data, self._marker, self._incoming = data[at + len(self._marker) :], None, []
        if not data:
            return
        self._incoming.append(data)
        self._size += len(data)
        if self._size > HIGH and not self._held:
            self._held = True
            self.channel.pause_reading()
        if self._size >= self._enough:
            self._tell()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(BATCH_S, self._tell)

    def _tell(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._news.set()

    def complained(self, data: bytes) -> None:
        """Keep the end of what came on stderr."""
        self._complaints = (self._complaints + data)[-4096:]

    def ended(self, exit_status: int | None, error: Exception | None) -> None:
        """The channel is closed."""
        self._end = "" if exit_status is None else f"exit {exit_status}"
        self._tell()

    # -- what transfers do with it

    async def send(self, data: bytes) -> None:
        """Send bytes; waits while the host, or the network, takes no more.

        Raises:
            ConnectionLostError: the channel is closed.
        """
        view = memoryview(data)
        for at in range(0, len(view), SLICE):
            self.channel.write(view[at : at + SLICE])  # type: ignore[arg-type]  # it copies them
            await self.channel.drain()

    @property
    def has_news(self) -> bool:
        """Whether something waits to be received."""
        return self._news.is_set()

    async def receive(self, *, in_bulk: bool = False) -> Sequence[bytes]:
        """Give what has come, at least a byte.

        Args:
            in_bulk: wait a moment for more, so that handing it on costs little.

        Raises:
            ConnectionLostError: the channel was cut.
            TransferError: the program on the host ended.
        """
        self._enough = BATCH if in_bulk else 1
        while not self._news.is_set() or not self._size or self._marker is not None:
            if self._end is not None and not self._size:
                raise self._ending()
            self._news.clear()
            await self._news.wait()
        pieces, self._incoming, self._size = self._incoming, [], 0
        if self._end is None:
            self._news.clear()
        if self._held:
            self._held = False
            self.channel.resume_reading()
        return pieces

    def _ending(self) -> Exception:
        if not self._end:
            return ConnectionLostError("connection lost")
        said = self._complaints.decode("utf-8", "replace").strip().splitlines()
        last = sanitize(said[-1], max_chars=200) if said else self._end
        return TransferError(f"the program for files ended on the host: {last}")
