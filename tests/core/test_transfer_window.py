"""The window of blocks that many hosts share: read once, bounded, and held up by nobody."""

from __future__ import annotations

import asyncio

from lazytui.core.transfer.window import Member, Window


class Source:
    """Makes blocks and remembers which."""

    def __init__(self, count: int) -> None:
        self.count = count
        self.made: list[int] = []

    def block(self, number: int) -> bytes:
        self.made.append(number)
        return b"%d" % number


async def read(window: Window, member: Member, count: int) -> list[bytes]:
    return [await window.block(member, number) for number in range(count)]


def members(window: Window, count: int) -> list[Member]:
    made = [Member() for _ in range(count)]
    for member in made:
        window.join(member)
    return made


async def test_many_readers_make_each_block_once() -> None:
    source = Source(50)
    window = Window(source, blocks=4)

    got = await asyncio.gather(*(read(window, m, 50) for m in members(window, 16)))

    assert all(blocks == [b"%d" % number for number in range(50)] for blocks in got)
    assert sorted(source.made) == list(range(50))


async def test_one_that_does_not_move_holds_the_others_for_a_moment_only() -> None:
    source = Source(20)
    window = Window(source, blocks=4, patience_s=0.05)
    fast, slow = members(window, 2)

    assert len(await read(window, fast, 20)) == 20
    assert slow.is_cut
    assert await read(window, slow, 20) == [b"%d" % number for number in range(20)]
    assert window.reads == len(source.made) == 40


async def test_nobody_gets_further_ahead_than_the_window_is_long() -> None:
    window = Window(Source(20), blocks=4, patience_s=60)
    fast, slow = members(window, 2)
    reading = asyncio.ensure_future(read(window, fast, 20))
    while fast.at < 4:
        await asyncio.sleep(0)
    for _ in range(100):
        await asyncio.sleep(0)

    stood_at = fast.at
    window.leave(slow)

    assert stood_at == 4
    assert len(await reading) == 20


async def test_one_that_is_still_comparing_is_waited_for() -> None:
    late = Member()
    others = {late}
    window = Window(Source(20), others, blocks=4, patience_s=60)
    (first,) = members(window, 1)
    reading = asyncio.ensure_future(read(window, first, 20))
    while first.at < 4:
        await asyncio.sleep(0)

    others.discard(late)
    window.join(late)
    both = await asyncio.gather(reading, read(window, late, 20))

    assert both[0] == both[1]
    assert window.reads == 20


async def test_one_that_comes_too_late_reads_for_itself() -> None:
    window = Window(Source(20), blocks=4)
    (first,) = members(window, 1)
    await read(window, first, 20)

    (late,) = members(window, 1)

    assert late.is_cut
    assert len(await read(window, late, 20)) == 20
