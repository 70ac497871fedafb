"""Asks on a client's terminal what the engine wants to know for its command line."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from lazytui.commands import common
from lazytui.errors import UsageError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet

    from lazytui.commands.call import Call
    from lazytui.core.engine import Engine
    from lazytui.door.channel import CommandStreams
    from lazytui.ssh.credentials import Question

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

    async def attend(self) -> None:
        """See to every question about the hosts of the command; runs until cancelled."""
        seen: set[str] = set()
        with self._engine.events.subscribe() as events:
            while True:
                for question in list(self._engine.questions):
                    if question.id not in seen and question.host in self._concerned():
                        seen.add(question.id)
                        await self._see_to(question)
                await events.drain()

    async def _see_to(self, question: Question) -> None:
        """Ask one question, until it is answered here or elsewhere."""
        if self._streams is None and not self._engine.presence.terminals:
            *_, (safe, _) = question.choices
            self._engine.answer(question.id, safe)  # as without an engine: nobody is there
            return
        if self._streams is None:
            self._call.say(
                f"{question.host} asks: {question.title}; answer on the screen: lazytui attach"
            )
            return
        asking = asyncio.ensure_future(self._ask(question, self._streams))
        gone = asyncio.ensure_future(self._gone(question))
        try:
            await asyncio.wait((asking, gone), return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                self._engine.answer(question.id, asking.result())
            else:
                self._tell("\n")
                self._call.say(f"{question.host}: answered elsewhere")
        finally:
            asking.cancel()
            gone.cancel()

    async def _ask(self, question: Question, streams: CommandStreams) -> str:
        """Ask on the terminal; gives the key of a choice, the safe one for all else."""
        choices = "  ".join(f"[{key}] {label}" for key, label in question.choices)
        lines = "\n".join(f"  {sanitize(line)}" for line in question.lines)
        self._tell(f"{sanitize(question.title)}\n{lines}\n{sanitize(choices)}: ")
        answer = (await self._line(streams)).strip().lower()
        *_, (safe, _) = question.choices
        return answer if answer in dict(question.choices) else safe

    async def _line(self, streams: CommandStreams) -> str:
        while b"\n" not in self._typed and len(self._typed) < LINE_BYTES:
            data = await streams.read(LINE_BYTES)
            if not data:
                break
            self._typed += data
        line, _, self._typed = self._typed.partition(b"\n")
        return line.decode(errors="replace")

    async def _gone(self, question: Question) -> None:
        """Wait until a question is answered, by whomever."""
        with self._engine.events.subscribe() as events:
            while question in self._engine.questions:
                await events.drain()

    def _tell(self, text: str) -> None:
        stderr = self._call.stderr
        stderr.write(text.encode(stderr.encoding, "replace"))

    def _concerned(self) -> AbstractSet[str]:
        """The hosts that the command waits for, with those on the way to them."""
        engine = self._engine
        try:
            where = common.parse(getattr(self._call.arguments, "where", None) or ())
            if where is None or engine.kept_groups.needs_facts(where):
                return {question.host for question in engine.questions}
            hosts = where.select(list(engine.runtimes.values()), engine.kept_groups.members())
        except UsageError:
            return frozenset()
        return {*hosts, *(jump for host in hosts for jump in engine.runtime(host).jumps)}
