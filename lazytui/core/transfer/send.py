"""Sends a tree to one host: asks what the host wants of it, and sends that."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.transfer.report import Report, refusal
from lazytui.core.transfer.window import Member
from lazytui.errors import TransferError
from lazytui.remote.records import Gathered, Reader, record

if TYPE_CHECKING:
    from lazytui.core.transfer.line import Line
    from lazytui.core.transfer.outgoing import Outgoing
    from lazytui.core.transfer.progress import Meter

LIMIT = 1 << 20  # bytes of a record from the host
LIST_BYTES = 1 << 28  # bytes of what it wants, or of its report


class Sending:
    """One tree to one host.

    Args:
        line: the channel to the host.
        outgoing: the tree.
        meter: counts.
    """

    def __init__(self, line: Line, outgoing: Outgoing, meter: Meter) -> None:
        self._line = line
        self._outgoing = outgoing
        self._meter = meter
        self._reader = Reader(self._taken, LIMIT)
        self._wants = Gathered(LIST_BYTES)
        self._is_asked = False
        self._report: Report | None = None

    async def send(self, request: bytes) -> Report:
        """Do it.

        Args:
            request: the first record: where to, and how.

        Raises:
            TransferError: it could not be done, and why.
            ConnectionLostError: the connection broke; the next try goes on where this one ended.
        """
        member = Member()
        self._outgoing.undecided.add(member)
        try:
            listing = await self._outgoing.listing()
            await self._line.send(request + listing.records)
            while not self._is_asked:
                await self._listen()
            await self._give(member)
        finally:
            self._outgoing.decided(member)
        await self._line.send(record(b"Z"))
        self._meter.reach("finishing")
        while self._report is None:
            await self._listen()
        return self._report

    async def _give(self, member: Member) -> None:
        source, window = await self._outgoing.window(self._wants.text())
        self._meter.begin(source.size)
        window.join(member)
        self._outgoing.decided(member)
        try:
            for number in range(source.count):
                block = await window.block(member, number)
                await self._line.send(block)
                self._meter.add(len(block))
                if self._line.has_news:  # it says why it cannot go on
                    await self._listen()
        finally:
            window.leave(member)

    async def _listen(self) -> None:
        for piece in await self._line.receive():
            try:
                self._reader.feed(piece)
            except ValueError as error:
                raise TransferError(f"the host speaks nonsense: {error}") from error

    def _taken(self, kind: bytes, index: int, data: bytes) -> None:
        if kind == b"X":
            raise refusal(data)
        if kind == b"W" and not self._is_asked:
            self._is_asked = self._wants.add(index, data)
        elif kind == b"R" and self._is_asked:
            self._report = Report.read(data)
        else:
            raise TransferError(f"the host speaks nonsense: {kind!r}")
