"""Asks on a client's terminal what the engine wants to know for its command line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lazytui.commands import common
from lazytui.commands.asking import nobody_types, put
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from lazytui.commands.call import Call
    from lazytui.core.engine import Engine
    from lazytui.door.channel import CommandStreams
    from lazytui.ssh.credentials import Question, Reply

LINE_BYTES = 4096  # an answer longer than that is none


class Attendant:
    """Sees to the questions that hold up one command line.

    A question belongs to the engine: who answers first, here or on a screen, answers for all.

    Args:
        engine: asks.
        call: the command line that waits.
        streams: the client's terminal; None when it has none, and can only be told.
    """

    def __init__(self, engine: Engine, call: Call, streams: CommandStreams | None) -> None:
        self._engine = engine
        self._call = call
        self._streams = streams
        self._typed = b""

    def begin(self) -> None:
        """Wait again for what was left for later, as here is somebody to answer it."""
        if self._streams is not None:
            for question in filter(self._concerns, list(self._engine.questions)):
                self._engine.now(question.id)

    async def attend(self) -> None:
        """See to every question about the hosts of the command; runs until cancelled."""
        seen: set[str] = set()
        with self._engine.events.subscribe() as events:
            while True:
                for question in list(self._engine.questions):
                    if question.id not in seen and self._concerns(question):
                        seen.add(question.id)
                        await self._see_to(question)
                await events.drain()

    async def _see_to(self, question: Question) -> None:
        """Ask one question, until it is answered here or elsewhere."""
        if self._streams is None and not self._engine.presence.terminals:
            if question.fields:
                self._call.say(nobody_types(question))
            self._engine.answer(question.id, question.refusal)  # as without an engine
            return
        if self._streams is None:
            what = f" {question.wants}" if question.fields else f": {question.title}"
            self._call.say(f"{question.host} asks{what}; answer on the screen: lazytui attach")
            if question.fields:  # nobody may be at the screen for hours
                self._engine.later(question.id)
            return
        asking = asyncio.ensure_future(self._ask(question, self._streams))
        gone = asyncio.ensure_future(self._gone(question))
        try:
            await asyncio.wait((asking, gone), return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                self._take(question, asking.result())
            else:
                self.tell("\n")
                self._call.say(f"{question.host}: answered elsewhere")
        finally:
            asking.cancel()
            gone.cancel()

    def _take(self, question: Question, answer: str | Reply | None) -> None:
        if question.fields and answer == question.refusal:
            self._engine.later(question.id)
            self._call.say(f"{question.host}: left for later")
        elif answer is not None:
            self._engine.answer(question.id, answer)

    async def _ask(self, question: Question, streams: CommandStreams) -> str | Reply | None:
        return await put(question, _Lines(self, streams), self._engine.questions, remember=False)

    async def line(self, streams: CommandStreams) -> str | None:
        """Give the next line of the client's stdin; None at its end."""
        while b"\n" not in self._typed and len(self._typed) < LINE_BYTES:
            data = await streams.read(LINE_BYTES)
            if not data:
                return None
            self._typed += data
        line, _, self._typed = self._typed.partition(b"\n")
        return line.decode(errors="replace")

    async def _gone(self, question: Question) -> None:
        """Wait until a question is answered, by whomever."""
        with self._engine.events.subscribe() as events:
            while question in self._engine.questions:
                await events.drain()

    def tell(self, text: str) -> None:
        """Show text on the client's terminal, as it is."""
        stderr = self._call.stderr
        stderr.write(text.encode(stderr.encoding, "replace"))

    def _concerns(self, question: Question) -> bool:
        """Whether a question holds the command up."""
        return not self._concerned().isdisjoint({question.host, *question.waiting})

    def _concerned(self) -> AbstractSet[str]:
        """The hosts that the command waits for, with those on the way to them."""
        engine = self._engine
        try:
            where = common.parse(getattr(self._call.arguments, "where", None) or ())
            if where is None or engine.kept_groups.needs_facts(where):
                return {host for q in engine.questions for host in (q.host, *q.waiting)}
            hosts = where.select(list(engine.runtimes.values()), engine.kept_groups.members())
        except UsageError:
            return frozenset()
        return {*hosts, *(jump for host in hosts for jump in engine.runtime(host).jumps)}


class _Lines:
    """The client's terminal, for one question.

    Args:
        attendant: who keeps what was typed beyond a line.
        streams: the client's.
    """

    def __init__(self, attendant: Attendant, streams: CommandStreams) -> None:
        self._attendant = attendant
        self._streams = streams

    def tell(self, text: str) -> None:
        """Show text."""
        self._attendant.tell(text)

    async def line(self, *, echo: bool) -> str | None:
        """Have a line typed."""
        if echo:
            return await self._attendant.line(self._streams)
        self._streams.echo(on=False)
        try:
            return await self._attendant.line(self._streams)
        finally:
            self._streams.echo(on=True)
            self.tell("\n")
