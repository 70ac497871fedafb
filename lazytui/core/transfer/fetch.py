"""Gets a tree from one host. What comes is believed in nothing: see ``remote/take.py``."""

from __future__ import annotations

import asyncio
import os
import subprocess
from typing import TYPE_CHECKING, TypeVar

from lazytui.core.transfer.report import Report, refusal
from lazytui.errors import TransferError
from lazytui.remote import tree
from lazytui.remote.records import Gathered, Reader, in_pieces
from lazytui.remote.take import Taker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from lazytui.core.transfer.line import Line
    from lazytui.core.transfer.progress import Meter

LIMIT = 1 << 20  # bytes of a record from the host
LIST_BYTES = 1 << 28  # bytes of its list: about two million files

T = TypeVar("T")


class Fetching:
    """One tree from one host.

    Args:
        line: the channel to the host.
        target: where it shall be; see :class:`~lazytui.remote.take.Taker`.
        name: what it is called if that is a folder.
        checksum: compare contents also where size and time are the same.
        meter: counts.
    """

    def __init__(
        self, line: Line, target: bytes, name: bytes, checksum: bool, meter: Meter
    ) -> None:
        self._line = line
        self._target = target
        self._name = name
        self._checksum = checksum
        self._meter = meter
        self._reader = Reader(self._taken, LIMIT)
        self._list = Gathered(LIST_BYTES)
        self._is_listed = False
        self._is_over = False
        self._taker: Taker | None = None

    async def fetch(self, request: bytes) -> Report:
        """Do it.

        Args:
            request: the first record: what is wanted.

        Raises:
            TransferError: it could not be done, and why.
            ConnectionLostError: the connection broke; the next try goes on where this one ended.
        """
        try:
            await self._line.send(request)
            while not self._is_listed:
                await in_thread(self._feed, await self._line.receive())
            wants = await in_thread(self._compare)
            assert self._taker is not None
            self._meter.begin(self._taker.to_take)
            await self._line.send(in_pieces(b"W", wants))
            while not self._is_over:
                pieces = await self._line.receive(in_bulk=True)
                await in_thread(self._feed, pieces)
                self._meter.add(sum(map(len, pieces)))
            self._meter.reach("finishing")
            await in_thread(self._finish)
            return Report.read(self._taker.report())
        finally:
            if self._taker is not None:
                self._taker.close()

    # -- in a thread, one at a time

    def _feed(self, pieces: Sequence[bytes]) -> None:
        try:
            self._reader.feed_all(pieces)
            if self._taker is not None:
                self._taker.flush()
        except tree.TransferError as error:
            raise _in_words(error) from error
        except (ValueError, IndexError) as error:
            raise TransferError(f"the host speaks nonsense: {error}") from error

    def _taken(self, kind: bytes, index: int, data: bytes) -> None:
        if kind == b"X":
            raise refusal(data)
        if kind == b"L" and not self._is_listed:
            self._is_listed = self._list.add(index, data)
        elif kind == b"Z" and self._taker is not None:
            self._is_over = True
        elif self._taker is not None and not self._is_over:
            self._taker.take(kind, index, data)
        else:
            raise TransferError(f"the host speaks nonsense: {kind!r}")

    def _compare(self) -> bytes:
        try:
            entries = tree.decode(self._list.text())
            self._list = Gathered(0)
            self._taker = Taker(self._target, self._name, entries, self._checksum, sync)
            return self._taker.compare()
        except tree.TransferError as error:
            raise _in_words(error) from error
        except OSError as error:
            where = os.fsdecode(self._target)
            raise TransferError(f"{where}: {error.strerror or error}") from error

    def _finish(self) -> None:
        assert self._taker is not None
        try:
            self._taker.finish()
        except tree.TransferError as error:
            raise _in_words(error) from error


def _in_words(error: tree.TransferError) -> TransferError:
    text = str(error)
    return TransferError(f"the host speaks nonsense: {text}" if error.kind == "nonsense" else text)


async def in_thread(work: Callable[..., T], *arguments: object) -> T:
    """Do something in a thread; whoever is cancelled meanwhile waits until it is over."""
    doing = asyncio.ensure_future(asyncio.to_thread(work, *arguments))
    try:
        return await asyncio.shield(doing)
    except asyncio.CancelledError:
        await asyncio.wait((doing,))
        raise


def sync(path: bytes) -> None:
    """Write the file system of a folder to the disk."""
    try:
        done = subprocess.run(  # noqa: S603  # no shell, and it only reads the path
            ["sync", "-f", path],  # noqa: S607
            capture_output=True,
            check=False,
        )
    except OSError:
        os.sync()
        return
    if done.returncode:  # a `sync` without -f
        os.sync()
