"""Proving who we are to one host, with the help of the user where it needs that.

OpenSSH >= 9.8 locks an address out after a few failed logins, so nothing refused is sent twice, and
a login is begun again only with something new that somebody typed.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

import asyncssh

from lazytui.ssh.credentials import agent_keys, public_data
from lazytui.ssh.secrets import TRIES, keyboard_question, password_question, wrong_text
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from lazytui.ssh.config import HostOptions
    from lazytui.ssh.credentials import KeyRing, LoadedKeys, LockedKey, Question, Reply
    from lazytui.ssh.login import Login
    from lazytui.ssh.reasons import Attempt
    from lazytui.ssh.secrets import Challenge, Secrets

# A challenge is of one connection, and a new one may come with a new code by mail; so it is kept
# open for a while. sshd's LoginGraceTime is 120 s, where careful people have not made it less.
HOLD_S = 45.0


class LockedPair(asyncssh.SSHKeyPair):
    """A key in a locked file, to be offered: its passphrase is asked once a server would take it.

    Args:
        locked: the file.
        wanted: told when a server would take it.
        certificate: that certifies the key.
    """

    _key_type = "local"

    def __init__(
        self,
        locked: LockedKey,
        wanted: Callable[[LockedKey], None],
        certificate: asyncssh.SSHCertificate | None = None,
    ) -> None:
        public = locked.public
        assert public is not None
        algorithms = public.sig_algorithms
        super().__init__(
            public.algorithm,
            public.algorithm,
            algorithms,
            algorithms,
            public.public_data,
            None,
            certificate,
        )
        self._locked = locked
        self._wanted = wanted

    async def sign_async(self, data: bytes) -> bytes:
        """Sign nothing, but let it be known that the key is wanted."""
        self._wanted(self._locked)
        raise ValueError("it needs a passphrase")


class Proof:
    """What is known to prove who we are to one host, and what has to be asked for.

    It lives as long as the host is being reached, over several connections if need be.

    Args:
        options: the host.
        attempt: what is told in the reason if it fails.
        secrets: asks the user.
        keys: the keys in files.
        login: how a script wants to log in.
        way: the bastions on the way.
    """

    def __init__(
        self,
        options: HostOptions,
        attempt: Attempt,
        secrets: Secrets,
        keys: KeyRing,
        login: Login | None,
        way: tuple[str, ...],
    ) -> None:
        self._options = options
        self._attempt = attempt
        self._secrets = secrets
        self._keys = keys
        self._login = login
        self._way = way
        self._address = f"{options.hostname}:{options.port}"
        # The same address behind another bastion is another machine.
        route = (*way, options.proxy_command or "")
        self._about = f"password {options.user}@{self._address} {route}"
        self._opened: dict[str, LoadedKeys] = {}
        self._shut: list[LockedKey] = []
        self._wanted_keys: list[LockedKey] = []
        self._given_up: set[str] = set()  # keys whose passphrase nobody knows
        self._wants_password = False
        self._password: str | None = None  # typed, not yet sent
        self._answers: tuple[Challenge, tuple[str, ...]] | None = None  # the same for a challenge
        self._own_password = login.password if login else None
        self._remember = False
        self._sent_by = ""  # the method by which the last secret went out on this connection
        self._sent = ""  # the password that went out, to be kept or forgotten
        self._sent_kept = False
        self._steps = 0  # how many answers that were
        self._wrong = 0
        self._wrong_what = ""
        self._declined = False
        self._asking: asyncio.Future[Reply | None] | None = None
        self._challenge: Challenge | None = None  # what is being asked for; None: the password
        self._leave_place: Callable[[], None] = lambda: None
        self._deadline: asyncio.Timeout | None = None
        self._login_s = 0.0

    # -- one connection

    def begin(
        self, leave_place: Callable[[], None], deadline: asyncio.Timeout, login_s: float
    ) -> None:
        """A connection begins.

        Args:
            leave_place: gives back the place among those that are connecting.
            deadline: of the login; it does not run while a person thinks.
            login_s: seconds that the login may take.
        """
        self._leave_place, self._deadline, self._login_s = leave_place, deadline, login_s
        self._sent_by, self._steps, self._wants_password = "", 0, False
        self._wanted_keys.clear()

    @property
    def is_tried(self) -> bool:
        """A secret went out on the last connection, or is waited for: that is not repeated."""
        return bool(self._sent_by) or self._asking is not None

    async def offered_keys(self, stack: contextlib.AsyncExitStack) -> Any:
        """Give the keys to offer: those that can be used at once, then those to be opened first."""
        paths = self._keys.paths_for(self._options)
        if self._login is not None:
            given = await self._login.keys(paths)
            if given is not None:
                self._attempt.tried = ("the keys given",)
                return given or None
        local = self._keys.keys_for(self._options)
        opened = [self._opened[k.path] for k in local.locked if k.path in self._opened]
        keys = [key for loaded in (local, *opened) for key in loaded.keys]
        held, note = await agent_keys(self._options, paths, stack)
        # A key offered twice would count twice against sshd's MaxAuthTries of 6.
        own = {public_data(key) for key in keys}
        held = [key for key in held if key.public_data not in own]
        own |= {key.public_data for key in held}
        shut = [
            locked
            for locked in local.locked
            if locked.path not in self._opened
            and (locked.public is None or locked.public.public_data not in own)
        ]
        names = (name for loaded in (local, *opened) for name in loaded.names)
        self._attempt.tried = (*names, *(("ssh-agent",) if held else ()))
        self._attempt.skipped = (*local.skipped, *((note,) if note else ()))
        self._shut = shut
        # None, not an empty list: for that, asyncssh would look for keys by itself.
        return [*keys, *held, *self._locked_pairs()] or None

    def _locked_pairs(self) -> Iterator[LockedPair]:
        for locked in self._shut:
            if locked.public is None or locked.path in self._given_up:
                continue
            for name in (f"{locked.path}-cert.pub", *locked.certificates):
                with contextlib.suppress(ValueError, OSError):  # none, or for another key
                    certificate = asyncssh.read_certificate(name)
                    yield LockedPair(locked, self._wanted_keys.append, certificate)
            yield LockedPair(locked, self._wanted_keys.append)

    def no_key_left(self) -> None:
        """All keys were refused: those of which not even the public part is known are left."""
        self._wanted_keys += [
            locked
            for locked in self._shut
            if locked.public is None and locked.path not in self._given_up
        ]

    async def password(self) -> str | None:
        """Give a password to the server, or None to try no (other) one."""
        self._refused_if("password")
        password = self._known_password()
        if password is None and self._may_ask():
            if self._wrong:  # on this connection: a new one would count as another failed login
                await self._hold(None)
                password = self._known_password()
            else:
                self._wants_password = True
        if password is not None:
            self._sent_by, self._steps = "password", 1
        return password

    def keyboard(self) -> str | None:
        """Tell whether the server may ask its questions: an empty string, or None."""
        self._attempt.password_wanted = True
        self._refused_if("keyboard")
        known = self._own_password or self._password or self._answers
        return "" if known or self._secrets.kept(self._about) or self._may_ask() else None

    async def challenge(
        self, name: str, instruction: str, prompts: Sequence[tuple[str, bool]]
    ) -> Sequence[str] | None:
        """Give the answers to what a server asks, or None for not answering."""
        if not prompts:
            return []
        asked = None if _asks_password(prompts) else (name, instruction, tuple(prompts))
        known = self._known(asked)
        if known is None and self._may_ask():
            await self._hold(asked)
            known = self._known(asked)
        if known is not None:
            self._sent_by, self._steps = "keyboard", self._steps + 1
        return known

    # -- between two connections

    async def more(self) -> bool:
        """Ask the user for what the last login lacked; True when that is worth another one."""
        if self._asking is not None:
            known = await self._asking
            if self._sent_by and self._sent and not self._sent_kept:
                self._password = self._sent  # it was taken, and what came after it took too long
            return self._take(known)
        for locked in dict.fromkeys(self._wanted_keys):  # once, also with a certificate
            if self._options.batch_mode:
                break
            opened = await self._secrets.open_key(locked, self._options.alias)
            if opened is not None:
                self._opened[locked.path] = opened
                return True
            self._given_up.add(locked.path)
        if self._wants_password and self._may_ask():
            self._challenge = None
            return self._take(await self._secrets.ask(self._about, self._question()))
        return False

    async def close(self) -> None:
        """Ask nothing any more."""
        if self._asking is not None and not self._asking.done():
            self._asking.cancel()
            await asyncio.wait((self._asking,))

    def succeeded(self) -> None:
        """The login is complete: what was typed for it was right."""
        if self._remember and self._sent and not self._sent_kept:
            self._secrets.keep(self._about, self._sent)

    def failed(self) -> None:
        """The server ended the login: what it got last was not right."""
        if self._asking is None:  # else it ended because nobody answered in time
            self._refused_if(self._sent_by)
        wanted = [*self._given_up, *(locked.path for locked in self._wanted_keys)]
        for locked in self._shut:
            if locked.path in wanted:
                self._attempt.skipped += (f"{locked.name} needs a passphrase",)
            elif locked.public is not None:
                self._attempt.tried += (locked.name,)
        self._shut = []

    # -- inside

    def _may_ask(self) -> bool:
        if self._own_password is not None or (self._login and self._login.password is not None):
            return False
        return not (self._options.batch_mode or self._declined or self._wrong >= TRIES)

    def _known_password(self) -> str | None:
        self._attempt.password_wanted = True
        self._sent_kept = False
        if self._own_password is not None:
            self._sent, self._own_password = self._own_password, None
            return self._sent
        if self._password is not None:
            self._sent, self._password = self._password, None
            return self._sent
        kept = self._secrets.kept(self._about)
        if kept is not None and not self._wrong:
            self._sent, self._sent_kept = kept, True
            return kept
        return None

    def _known(self, challenge: Challenge | None) -> tuple[str, ...] | None:
        if challenge is None:
            password = self._known_password()
            return None if password is None else (password,)
        self._attempt.password_wanted = True
        if self._answers is None or self._answers[0] != challenge:
            return None
        texts = self._answers[1]
        self._answers = None
        return texts

    def _refused_if(self, method: str) -> None:
        """Count a refusal: the server wants to hear by the same method again what it just heard."""
        if not method or self._sent_by != method:
            return
        # Of several answers in a row nobody says which one was wrong.
        self._wrong_what = "password" if self._sent and self._steps == 1 else "answer"
        self._sent_by, self._steps = "", 0
        self._wrong += 1
        self._attempt.wrong, self._attempt.wrong_what = self._wrong, self._wrong_what
        if self._sent_kept:
            self._secrets.forget(self._about)
        self._sent = ""

    async def _hold(self, challenge: Challenge | None) -> None:
        """Ask while the connection waits, for as long as a server may have patience."""
        if self._asking is not None:
            return
        self._challenge = challenge
        about = self._about if challenge is None else f"challenge {id(self)}"
        # It outlives this connection, which the server may end meanwhile; close() ends it.
        self._asking = asyncio.ensure_future(self._secrets.ask(about, self._question()))
        self._leave_place()
        self._let_pass(None)
        try:
            await asyncio.wait((self._asking,), timeout=HOLD_S)
        finally:
            self._let_pass(asyncio.get_running_loop().time() + self._login_s)
        if self._asking.done():
            self._take(self._asking.result())

    def _let_pass(self, when: float | None) -> None:
        with contextlib.suppress(RuntimeError):  # the login is over already
            if self._deadline is not None:
                self._deadline.reschedule(when)

    def _take(self, reply: Reply | None) -> bool:
        """Take what was typed; False when it is nothing to go on with."""
        self._asking = None
        if reply is None or not reply.known:
            self._declined = True
            return False
        if self._challenge is None:
            self._remember = reply.remember
            self._password = reply.texts[0]
        else:
            self._answers = (self._challenge, reply.texts)
        return True

    def _question(self) -> Question:
        options = self._options
        place = (options.alias, options.user, self._address, self._way)
        wrong = wrong_text(self._wrong_what, self._wrong)
        if self._challenge is None:
            return password_question(*place, wrong)
        return keyboard_question(*place, self._challenge, wrong)


def _asks_password(prompts: Sequence[tuple[str, bool]]) -> bool:
    """Whether a challenge is the question for the password, as PAM asks it."""
    (prompt, echo), *others = prompts
    return not others and not echo and "password" in sanitize(prompt).lower()
