"""``lazytui events``: who did what, where and when; the same as Events on the screen."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from lazytui.commands import common
from lazytui.core.audit_export import as_json, matches
from lazytui.core.events import AuditChanged
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.commands.call import Call
    from lazytui.core.audit import AuditRecord
    from lazytui.core.engine import Engine
    from lazytui.core.events import Event, Subscription

ALL = 1 << 31
LOOKED_AT = 1000  # newest lines of the journal that are looked at for news
POLL_S = 1.0  # how often other processes' lines are looked for; ours are told at once
FIELDS = ("WHEN", "WHO", "WHAT", "SUBJECT", "WHERE", "RESULT")


async def events(call: Call) -> int:
    """List what was done, the newest first; with ``-f`` the newest last, and what comes."""
    arguments = call.arguments
    async with call.engine() as engine:
        # A filter looks at all lines for the ones it wants.
        read = await engine.audit(ALL if arguments.words else max(LOOKED_AT, arguments.limit))
        found = _found(read, arguments.words)[: max(0, arguments.limit)]
        if arguments.follow:
            await _print(call, found[::-1])
            await _follow(call, engine, read)
        elif arguments.json:
            call.print_json([as_json(record) for record in found])
        elif found:
            call.print_table([FIELDS, *map(_cells, found)])
        else:
            call.say("nothing matches" if read else "nothing happened yet")
    return common.OK


def _found(records: Sequence[AuditRecord], words: Sequence[str]) -> list[AuditRecord]:
    return [record for record in records if matches(record, words)]


async def _follow(call: Call, engine: Engine, read: Sequence[AuditRecord]) -> None:
    """Print lines as they come, until interrupted."""
    seen = {_id(record) for record in read}
    interrupted = asyncio.Event()
    with call.on_interrupt(interrupted.set), engine.events.subscribe() as news:
        asked = asyncio.ensure_future(interrupted.wait())
        heard: asyncio.Future[list[Event]] = asyncio.ensure_future(news.drain())
        try:
            while not interrupted.is_set():
                now = await engine.audit(LOOKED_AT)
                fresh = [record for record in now[::-1] if _id(record) not in seen]
                seen |= {_id(record) for record in fresh}
                await _print(call, _found(fresh, call.arguments.words))
                heard = await _news(asked, heard, news)
        finally:
            asked.cancel()
            heard.cancel()


async def _news(
    asked: asyncio.Future[Any], heard: asyncio.Future[list[Event]], news: Subscription
) -> asyncio.Future[list[Event]]:
    """Wait until something was done, or long enough to look what others did."""
    loop = asyncio.get_running_loop()
    due = loop.time() + POLL_S
    while not asked.done() and (left := due - loop.time()) > 0:
        await asyncio.wait((asked, heard), timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if heard.done():
            told = heard.result()
            heard = asyncio.ensure_future(news.drain())
            if any(isinstance(event, AuditChanged) for event in told):
                break
    return heard


def _id(record: AuditRecord) -> tuple[object, ...]:
    """Tell lines apart; what came of one is known later."""
    return record.at, record.who, record.what, record.subject, record.where


async def _print(call: Call, records: Sequence[AuditRecord]) -> None:
    for record in records:
        if call.arguments.json:
            call.print_json(as_json(record))
        else:
            call.print("  ".join(_cells(record)))
    await call.drain()


def _cells(record: AuditRecord) -> list[str]:
    when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.at))
    fields = (record.who, record.what, record.subject, record.where, record.result)
    return [when, *(sanitize(field, max_chars=120) or "-" for field in fields)]
