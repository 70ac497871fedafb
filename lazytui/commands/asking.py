"""Asking on a terminal of the command line, line by line."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import termios
from typing import TYPE_CHECKING, Protocol

from lazytui.commands import common
from lazytui.ssh.credentials import Reply
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from lazytui.ssh.credentials import Question

TTY = "/dev/tty"
LINE_BYTES = 4096  # what a terminal gives at most in a line


class Terminal(Protocol):
    """Where a person reads and types."""

    def tell(self, text: str) -> None:
        """Show text."""

    async def line(self, *, echo: bool) -> str | None:
        """Give the next line that is typed, without being seen if so wanted; None at the end."""


async def put(
    question: Question, terminal: Terminal, waiting: Iterable[Question], *, remember: bool
) -> str | Reply | None:
    """Put a question on a terminal; gives the answer, a safe one for all that is none.

    Args:
        question: the question.
        terminal: where.
        waiting: all questions that wait; asked when it is typed.
        remember: whether an answer that lasts is to be kept in memory.
    """
    lines = "".join(f"  {sanitize(line)}\n" for line in question.lines)
    terminal.tell(f"{sanitize(question.title)}\n{lines}")
    if not question.fields:
        choices = "  ".join(f"[{key}] {label}" for key, label in question.choices)
        terminal.tell(f"{sanitize(choices)}: ")
        answer = (await terminal.line(echo=True) or "").strip().lower()
        return answer if answer in dict(question.choices) else question.refusal
    texts = []
    for field in question.fields:
        terminal.tell(f"{sanitize(field.prompt)}: ")
        text = await terminal.line(echo=field.echo)
        if text is None:
            return question.refusal
        texts.append(text)
    others = sum(question.user == other.user != "" for other in waiting if other is not question)
    share = False
    if others and any(texts):
        told = "the other one that asks" if others == 1 else f"the {others} others that ask"
        terminal.tell(f"The same for {told} for {sanitize(question.user)}'s password? [y/N]: ")
        share = (await terminal.line(echo=True) or "").strip().lower() in ("y", "yes")
    return Reply(tuple(texts), remember=remember and question.lasting, share=share)


def nobody_types(question: Question) -> str:
    """Say what to do about a question where there is no terminal."""
    host = sanitize(question.host)
    if question.fields:
        return f"{host} asks {question.wants}: run this in a terminal, or use a key or an ssh-agent"
    return f"{host} asks: {sanitize(question.title)}; run this in a terminal"


class TerminalAsker:
    """Asks on the terminal of this process, if it has one; one question after the other."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()
        self._waiting: list[Question] = []

    async def ask(self, question: Question) -> str | Reply | None:
        """Ask; None without a terminal."""
        with _opened() as terminal:
            if terminal is None:
                common.say(nobody_types(question))
                return None
            self._waiting.append(question)
            try:
                async with self._turn:
                    # In memory only, and this process ends soon.
                    return await put(question, terminal, self._waiting, remember=True)
            finally:
                self._waiting.remove(question)

    def joined(self, question: Question, host: str) -> None:
        """Who waits is not shown."""


class _Tty:
    """The terminal of this process, whatever stdin and stdout are."""

    def __init__(self, number: int) -> None:
        self._number = number

    def tell(self, text: str) -> None:
        """Write to it."""
        os.write(self._number, text.encode(errors="replace"))

    async def line(self, *, echo: bool) -> str | None:
        """Read a line without stopping everything else, and without a thread to be waited for."""
        loop = asyncio.get_running_loop()
        came = asyncio.Event()
        with _silent(self._number) if not echo else contextlib.nullcontext():
            loop.add_reader(self._number, came.set)
            try:
                await came.wait()
            finally:
                loop.remove_reader(self._number)
            try:
                data = os.read(self._number, LINE_BYTES)
            except OSError:  # it is gone
                data = b""
        if not echo:
            self.tell("\n")
        return data.decode(errors="replace").rstrip("\r\n") if data else None


@contextlib.contextmanager
def _opened() -> Iterator[_Tty | None]:
    """Open the terminal, where what is told on stderr is seen there, too."""
    number = -1
    if sys.stderr.isatty():
        with contextlib.suppress(OSError):
            number = os.open(TTY, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        yield None if number < 0 else _Tty(number)
    finally:
        if number >= 0:
            os.close(number)


@contextlib.contextmanager
def _silent(number: int) -> Iterator[None]:
    """Let nothing be seen of what is typed."""
    before = termios.tcgetattr(number)
    silent = termios.tcgetattr(number)
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(number, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(number, termios.TCSADRAIN, before)
