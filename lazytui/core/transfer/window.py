"""A file read once for all hosts that it is sent to: a window of blocks that they share.

Who is first reads; the others find the block in the window. Nobody gets further ahead of the
slowest than the window is long, until that one has made the others wait for too long: from then
on it reads for itself, and nobody looks back for it. Memory is bounded by the window, and one
block for each host.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

BLOCKS = 32
PATIENCE_S = 1.0  # for how long in all others wait for one host


class Blocks(Protocol):
    """What is read, cut into blocks that anybody can make at any time."""

    count: int

    def block(self, number: int) -> bytes:
        """Make one block; this may take its time."""


class Member:
    """One host that reads in the window."""

    def __init__(self) -> None:
        self.at = 0  # the block it reads
        self.waited_s = 0.0  # for how long others waited for it
        self.is_cut = False  # it reads for itself


class Window:
    """The shared blocks of one source.

    Args:
        source: makes the blocks.
        others: who may join soon; they are waited for like members.
        blocks: how many are kept.
        patience_s: for how long others wait for a slow member, in all.
    """

    def __init__(
        self,
        source: Blocks,
        others: AbstractSet[Member] = frozenset(),
        *,
        blocks: int = BLOCKS,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self.reads = 0  # blocks that were made, by whomever
        self._source = source
        self._others = others
        self._length = blocks
        self._patience_s = patience_s
        self._kept: dict[int, asyncio.Future[bytes]] = {}
        self._members: set[Member] = set()
        self._moved = asyncio.Event()

    def join(self, member: Member) -> None:
        """Let one more host read, from the beginning."""
        if self._kept and min(self._kept) > 0:  # too late for the first block
            member.is_cut = True
        self._members.add(member)

    def leave(self, member: Member) -> None:
        """A host reads no more."""
        self._members.discard(member)
        self.wake()
        if not self._members:
            self._kept.clear()

    async def block(self, member: Member, number: int) -> bytes:
        """Give a block to a member, which reads them one after the other.

        Raises:
            OSError: it cannot be read.
        """
        member.at = number
        self.wake()
        if not member.is_cut:
            await self._wait_for_others(member, number)
        kept = None if member.is_cut else self._shared(number)
        if kept is None:
            self.reads += 1
            return await asyncio.to_thread(self._source.block, number)
        if number + 1 < self._source.count:
            self._shared(number + 1)  # read ahead while this one is sent
        return await asyncio.shield(kept)

    def _shared(self, number: int) -> asyncio.Future[bytes] | None:
        """Give a block of the window, which moves on if need be; None when it is behind that."""
        found = self._kept.get(number)
        if found is None and not (self._kept and number < min(self._kept)):
            self.reads += 1
            found = asyncio.ensure_future(asyncio.to_thread(self._source.block, number))
            self._kept[number] = found
            for old in sorted(self._kept)[: -self._length - 1]:  # one of them was read ahead
                del self._kept[old]
        return found

    def _slower_than(self, number: int) -> list[Member]:
        everybody = (*self._members, *self._others)
        return [member for member in everybody if not member.is_cut and member.at <= number]

    async def _wait_for_others(self, member: Member, number: int) -> None:
        """Wait while a slower member would lose the block that it is at."""
        loop = asyncio.get_running_loop()
        while slow := self._slower_than(number - self._length):
            begin = loop.time()
            left = min(self._patience_s - m.waited_s for m in slow)
            self._moved.clear()
            try:
                async with asyncio.timeout(max(0.0, left)):
                    await self._moved.wait()
            except TimeoutError:
                pass
            passed = loop.time() - begin
            for each in slow:
                # Many may wait for one at the same time; it counts as once, about.
                each.waited_s += passed
                each.is_cut = each.is_cut or each.waited_s >= self._patience_s

    def wake(self) -> None:
        """Somebody whom others may wait for has moved."""
        self._moved.set()
