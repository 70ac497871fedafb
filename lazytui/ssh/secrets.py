"""What only the user knows: asked once for all who need it, kept in memory, never written down."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

from lazytui.ssh.credentials import Field, Question, Reply
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lazytui.ssh.credentials import Asker, KeyRing, LoadedKeys, LockedKey

T = TypeVar("T")

# What a server asks: its name, its instruction, then prompts and whether answers may be seen.
Challenge = tuple[str, str, tuple[tuple[str, bool], ...]]

TRIES = 3  # as ssh's NumberOfPasswordPrompts
TITLE_CHARS, LINE_CHARS, PROMPT_CHARS = 200, 500, 200


class _Waiting:
    """Those who want the same secret, and what the last one of them got."""

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.count = 0
        self.hosts: set[str] = set()
        self.question: Question | None = None
        self.got: tuple[float, object] = (-1.0, None)


class Secrets:
    """Asks for passwords, passphrases and codes, each one once for all who wait for it.

    Args:
        asker: who is asked.
        keys: where keys are kept that were opened.
    """

    def __init__(self, asker: Asker, keys: KeyRing) -> None:
        self._asker = asker
        self._keys = keys
        self._kept: dict[str, str] = {}
        self._waiting: defaultdict[str, _Waiting] = defaultdict(_Waiting)
        self._shared: dict[str, asyncio.Future[Reply]] = {}

    def kept(self, about: str) -> str | None:
        """Give the password that is remembered for a login."""
        return self._kept.get(about)

    def keep(self, about: str, password: str) -> None:
        """Remember a password that was taken."""
        self._kept[about] = password

    def forget(self, about: str) -> None:
        """Forget a password that is taken no more."""
        self._kept.pop(about, None)

    async def ask(self, about: str, question: Question) -> Reply | None:
        """Have a question answered; None when nobody can.

        Args:
            about: those who ask about the same at the same time share the answer.
            question: with fields.
        """

        async def put(waiting: _Waiting) -> Reply | None:
            return await self._put(waiting, question)

        return await self._once(about, question.host, put)

    async def open_key(self, locked: LockedKey, host: str) -> LoadedKeys | None:
        """Have a passphrase typed until it opens a key, three times at most; None: it stays shut.

        A passphrase is tried here and told to no server.

        Args:
            locked: the key.
            host: the host that would take it.
        """

        async def open_it(waiting: _Waiting) -> LoadedKeys | None:
            question = _passphrase_of(locked, host)
            for tries in range(1, TRIES + 1):
                reply = await self._put(waiting, question)
                if reply is None or not reply.known:
                    return None
                try:
                    opened = await asyncio.to_thread(locked.open, reply.texts[0])
                except ValueError:
                    question = _passphrase_of(locked, host, wrong_text("passphrase", tries))
                    continue
                if reply.remember:
                    self._keys.keep(locked, opened)
                return opened
            return None

        return await self._once(f"key {locked.path}", host, open_it)

    async def _once(
        self, about: str, host: str, get: Callable[[_Waiting], Awaitable[T | None]]
    ) -> T | None:
        """Do something once, however many want what comes of it; who is cancelled hands it on."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        waiting = self._waiting[about]
        waiting.count += 1
        waiting.hosts.add(host)
        if waiting.question is not None and host not in waiting.question.waiting:
            waiting.question.waiting.add(host)
            self._asker.joined(waiting.question, host)
        try:
            async with waiting.lock:
                at, got = waiting.got
                if at >= asked:
                    return got  # type: ignore[return-value]  # the same getter made it
                found = await get(waiting)
                waiting.got = (loop.time(), found)
                return found
        finally:
            waiting.count -= 1
            if not waiting.count:  # what was told to nobody else is forgotten
                del self._waiting[about]

    async def _put(self, waiting: _Waiting, question: Question) -> Reply | None:
        question.waiting.update(waiting.hosts)
        waiting.question = question
        asking = asyncio.ensure_future(self._asker.ask(question))
        shared = self._shared_future(question.user)
        try:
            await asyncio.wait((asking, shared), return_when=asyncio.FIRST_COMPLETED)
            if not asking.done():
                return replace(shared.result(), share=False)
            reply = asking.result()
            if not isinstance(reply, Reply):
                return None
            if reply.share and question.user:
                self._shared.pop(question.user, None)
                if not shared.done():
                    shared.set_result(reply)
            return reply
        finally:
            waiting.question = None
            if not asking.done():
                asking.cancel()
                await asyncio.wait((asking,))

    def _shared_future(self, user: str) -> asyncio.Future[Reply]:
        """Give what is done when a password is typed for all that ask for one of this user."""
        made: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        return self._shared.setdefault(user, made) if user else made


def password_question(
    host: str, user: str, address: str, way: tuple[str, ...], wrong: str
) -> Question:
    """Give the question for a password.

    Args:
        host: the alias.
        user: whose password.
        address: where it is sent, as the ssh config says it.
        way: the bastions on the way.
        wrong: what :func:`wrong_text` says of the one before; else empty.
    """
    return Question(
        host=host,
        kind="password",
        title=sanitize(f"{user}'s password on {host}", max_chars=TITLE_CHARS),
        lines=(*filter(None, [wrong]), _place(user, address, way)),
        fields=(Field("Password"),),
        user=user,
        lasting=True,
    )


def keyboard_question(
    host: str,
    user: str,
    address: str,
    way: tuple[str, ...],
    challenge: Challenge,
    wrong: str,
) -> Question:
    """Give what a server asks as a question; each word of it is the server's, made harmless.

    Args:
        host: the alias.
        user: who logs in.
        address: of the server, as the ssh config says it.
        way: the bastions on the way.
        challenge: the name and the instruction, then prompts and whether answers may be seen.
        wrong: what :func:`wrong_text` says of the one before; else empty.
    """
    name, instruction, prompts = challenge
    said = [*name.splitlines(), *instruction.splitlines()][:8]
    return Question(
        host=host,
        kind="keyboard",
        title=sanitize(f"{host} asks", max_chars=TITLE_CHARS),
        lines=(
            *filter(None, [wrong]),
            *(f"“{text}”" for line in said if (text := sanitize(line, max_chars=LINE_CHARS))),
            _place(user, address, way),
        ),
        fields=tuple(
            Field(sanitize(prompt, max_chars=PROMPT_CHARS).strip().rstrip(":"), echo)
            for prompt, echo in prompts
        ),
    )


def _passphrase_of(locked: LockedKey, host: str, wrong: str = "") -> Question:
    return Question(
        host=host,
        kind="passphrase",
        title=sanitize(f"Passphrase of {locked.name}", max_chars=TITLE_CHARS),
        lines=(*filter(None, [wrong]), sanitize(locked.path, max_chars=LINE_CHARS)),
        fields=(Field("Passphrase"),),
        lasting=True,
    )


def wrong_text(what: str, wrong: int) -> str:
    """Say that something was wrong, and how often it may be tried again; empty for never yet.

    Args:
        what: ``password``, ``passphrase`` or ``answer``.
        wrong: how many were.
    """
    left = TRIES - wrong
    return f"wrong {what}, {left} {'try' if left == 1 else 'tries'} left" if wrong else ""


def _place(user: str, address: str, way: tuple[str, ...]) -> str:
    via = f", via {' and '.join(way)}" if way else ""
    return sanitize(f"logging in as {user} on {address}{via}", max_chars=LINE_CHARS)
