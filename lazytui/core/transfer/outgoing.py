"""Local trees on their way to hosts: listed once and read once, however many hosts get them."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.core.transfer.window import Member, Window
from lazytui.errors import TransferError
from lazytui.remote import give, records, tree

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

BLOCK_BYTES = 1 << 19


@dataclass(frozen=True, slots=True)
class Listing:
    """What a local tree consists of, and the records that say so."""

    entries: list[tree.Entry]
    records: bytes


class Outgoing:
    """One local file or folder on its way to one or more hosts.

    Args:
        root: its path.
    """

    def __init__(self, root: bytes) -> None:
        self.root = root
        self.undecided: set[Member] = set()
        self.members = 0
        self._listing: asyncio.Future[Listing] | None = None
        self._sources: dict[bytes, asyncio.Future[give.Source]] = {}
        self.windows: dict[bytes, Window] = {}

    async def listing(self) -> Listing:
        """List it, once.

        Raises:
            TransferError: it is not there, or is neither a file nor a folder.
        """
        if self._listing is None:
            self._listing = asyncio.ensure_future(asyncio.to_thread(self._list))
        return await asyncio.shield(self._listing)

    async def window(self, wants: bytes) -> tuple[give.Source, Window]:
        """Give the blocks that carry what a host wants, shared with all who want the same.

        Raises:
            TransferError: nobody can want that.
        """
        if wants not in self._sources:
            entries = (await self.listing()).entries
            reading = asyncio.to_thread(self._source, wants, entries)
            self._sources.setdefault(wants, asyncio.ensure_future(reading))
        source = await asyncio.shield(self._sources[wants])
        if wants not in self.windows:
            self.windows[wants] = Window(source, self.undecided)
        return source, self.windows[wants]

    def decided(self, member: Member) -> None:
        """A host has said what it wants, or never will."""
        self.undecided.discard(member)
        for window in self.windows.values():
            window.wake()

    def _list(self) -> Listing:
        try:
            entries = tree.scan(self.root)
        except tree.TransferError as error:
            raise TransferError(str(error)) from error
        return Listing(entries, records.in_pieces(b"L", tree.encode(entries)))

    def _source(self, wants: bytes, entries: list[tree.Entry]) -> give.Source:
        try:
            wanted = give.read_wants(wants, entries)
        except (ValueError, IndexError) as error:
            raise TransferError(f"the host asks for what is not there: {error}") from error
        return give.Source(self.root, entries, wanted, BLOCK_BYTES)


class Outgoings:
    """The trees that are being sent now, by who sends them."""

    def __init__(self, make: Callable[[bytes], Outgoing] = Outgoing) -> None:
        self._make = make
        self._trees: dict[Hashable, Outgoing] = {}

    def join(self, key: Hashable, root: str) -> Outgoing:
        """Give a tree, the same for all who send it under one key."""
        found = self._trees.get(key)
        if found is None:
            found = self._trees[key] = self._make(os.fsencode(root))
        found.members += 1
        return found

    def leave(self, key: Hashable, outgoing: Outgoing) -> None:
        """Send it no more; who is the last lets it go."""
        outgoing.members -= 1
        if not outgoing.members and self._trees.get(key) is outgoing:
            del self._trees[key]
