"""Decides about host keys that known_hosts does not simply confirm."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.errors import HostKeyError
from lazytui.ssh.credentials import Question
from lazytui.ssh.trust import KnownHosts, Trust, fingerprint, remember
from lazytui.text import sanitize

if TYPE_CHECKING:
    import asyncssh

    from lazytui.ssh.config import HostOptions
    from lazytui.ssh.credentials import Asker
    from lazytui.ssh.reasons import Attempt

SAVE, ONCE, NO = "a", "o", "n"


class HostKeyJudge:
    """Looks host keys up by name, asks about unknown ones, refuses changed ones.

    Args:
        asker: who is asked.
    """

    def __init__(self, asker: Asker) -> None:
        self._asker = asker
        self._known = KnownHosts()
        self._accepted_once: dict[tuple[str, int], asyncssh.SSHKey] = {}
        self._refused: dict[tuple[str, int], tuple[float, asyncssh.SSHKey]] = {}
        self._locks: dict[tuple[str, int], asyncio.Lock] = {}
        self._unsaved: list[str] = []
        self._told: set[str] = set()

    def problems(self) -> tuple[str, ...]:
        """Give the lines of known_hosts files that were passed over, and keys not saved."""
        return (*self._known.problems(), *self._unsaved)

    def news(self) -> tuple[str, ...]:
        """Give the problems that were not given before, made harmless."""
        new = [problem for problem in self.problems() if problem not in self._told]
        self._told.update(new)
        return tuple(sanitize(problem, max_chars=300) for problem in new)

    def trust(self, options: HostOptions) -> Trust:
        """Tell what is trusted for a host, by its name (or ``HostKeyAlias``)."""
        name, port = _name(options)
        trust = self._known.lookup(
            _files(options), name, port, alias=options.host_key_alias is not None
        )
        once = self._accepted_once.get((name, port))
        if once is None or trust.named:
            return trust
        return _pinned(once, trust)

    async def decide(
        self, options: HostOptions, trust: Trust, attempt: Attempt, error: Exception
    ) -> Trust:
        """Decide about a key that was offered and not trusted.

        Args:
            options: the host.
            trust: what was trusted when it was offered.
            attempt: what was seen; its ``offered_key`` is the key in question.
            error: asyncssh's.

        Returns:
            A trust in exactly that key, for the next connection.

        Raises:
            HostKeyError: it is changed, revoked, or unknown and not accepted.
        """
        key = attempt.offered_key
        if key is None:  # asyncssh refused it by itself: revoked, or a certificate that is not good
            raise HostKeyError(f"host key refused: {sanitize(str(error), max_chars=200)}")
        self._refuse_changed(options, trust, attempt, key)
        name, port = _name(options)
        loop = asyncio.get_running_loop()
        asked = loop.time()
        # The same question is asked once, however many connections wait for the answer.
        async with self._locks.setdefault((name, port), asyncio.Lock()):
            now = self.trust(options)
            if key in now.keys:
                return _pinned(key, now)
            self._refuse_changed(options, now, attempt, key)
            refused_at, refused = self._refused.get((name, port), (-1.0, None))
            if refused_at >= asked and refused == key:
                raise _unknown(key)
            try:
                await self._accept(options, key)
            except HostKeyError:
                self._refused[name, port] = (loop.time(), key)
                raise
        return _pinned(key, trust)

    def swapped(self, pinned: Trust, attempt: Attempt, error: Exception) -> HostKeyError:
        """Give the refusal of a host that shows another key than the one just accepted."""
        key = attempt.offered_key
        if key is None or key in pinned.keys:
            return HostKeyError(f"host key refused: {sanitize(str(error), max_chars=200)}")
        return _changed(key, pinned, "just accepted")

    def _refuse_changed(
        self, options: HostOptions, trust: Trust, attempt: Attempt, key: asyncssh.SSHKey
    ) -> None:
        # A certificate authority that is known for the name says nothing against a plain key:
        # ssh asks about it as about any other.
        if trust.named:
            raise _changed(key, trust, ", ".join(trust.places) or "accepted once")
        name, port = _name(options)
        if not attempt.address or attempt.address == name:
            return
        # A new name on an address whose key we know: a spoofed DNS answer looks just so.
        there = self._known.lookup(_files(options), attempt.address, port)
        if there.named and key not in there.named:
            known = ", ".join(fingerprint(old) for old in there.named)
            raise HostKeyError(
                f"host key changed: {attempt.address} is known with {known}, "
                f"not {fingerprint(key)} ({sanitize(', '.join(there.places), max_chars=200)})"
            )

    async def _accept(self, options: HostOptions, key: asyncssh.SSHKey) -> None:
        """Save the key, keep it for this engine, or raise."""
        policy = options.strict_host_key_checking
        name, port = _name(options)
        if policy == "yes":
            raise _unknown(key, " (StrictHostKeyChecking yes)")
        if policy in ("no", "off", "accept-new"):
            answer: object = SAVE
        elif options.batch_mode:
            answer = None
        else:
            answer = await self._asker.ask(_question(options, key))
        if answer == SAVE and (path := _writable(options)) is not None:
            try:
                await asyncio.to_thread(remember, path, name, _port_field(options), key)
            except OSError as error:  # as ssh does: it is accepted, only not for ever
                self._unsaved.append(f"{path}: host key of {name} not saved: {error.strerror}")
                self._accepted_once[name, port] = key
            return
        if answer in (SAVE, ONCE):
            self._accepted_once[name, port] = key
            return
        raise _unknown(key)


def _changed(key: asyncssh.SSHKey, trust: Trust, where: str) -> HostKeyError:
    known = ", ".join(fingerprint(old) for old in trust.named)
    return HostKeyError(
        f"host key changed: now {fingerprint(key)}, known {known} "
        f"({sanitize(where, max_chars=200)})"
    )


def _unknown(key: asyncssh.SSHKey, why: str = "") -> HostKeyError:
    return HostKeyError(f"unknown host key {fingerprint(key)}{why}", kind="unknown-key")


def _question(options: HostOptions, key: asyncssh.SSHKey) -> Question:
    where = f"{options.hostname}:{options.port}"
    return Question(
        host=options.alias,
        kind="hostkey",
        title=f"{options.alias}: unknown host key",
        lines=(
            fingerprint(key),
            f"shown by {where}, not in known_hosts",
            "Compare it with the one the host's owner gives you.",
        ),
        choices=((SAVE, "accept and save"), (ONCE, "accept once"), (NO, "no")),
    )


def _name(options: HostOptions) -> tuple[str, int]:
    return (options.host_key_alias or options.hostname).lower(), options.port


def _port_field(options: HostOptions) -> int:
    return 22 if options.host_key_alias else options.port


def _files(options: HostOptions) -> tuple[str, ...]:
    return (*options.user_known_hosts_files, *options.global_known_hosts_files)


def _writable(options: HostOptions) -> Path | None:
    """Give the file that accepted keys are saved in; None when the config names none."""
    for name in options.user_known_hosts_files:
        if name.lower() not in ("none", "/dev/null"):
            return Path(name)
    return None


def _pinned(key: asyncssh.SSHKey, trust: Trust) -> Trust:
    return Trust((key,), (), trust.revoked, (key,), ())
