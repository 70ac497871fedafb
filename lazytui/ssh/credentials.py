"""Keys of the user, and the questions that only the user can answer."""

from __future__ import annotations

import asyncio
import itertools
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AsyncExitStack

    import asyncssh

    from lazytui.ssh.config import HostOptions

# What ssh tries when no IdentityFile is given (ssh_config(5)), without the security-key kinds,
# which need a touch at a moment nobody expects.
DEFAULT_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")

AGENT_TIMEOUT_S = 5.0

_numbers = itertools.count(1)


@dataclass(frozen=True, slots=True)
class Field:
    """A line that a person has to type.

    Args:
        prompt: what is asked.
        echo: it may be seen; else it is a secret.
    """

    prompt: str
    echo: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What a person typed. It is never shown, written down or put into a log.

    Args:
        texts: one for each field; none, or an empty one: it is not known, go on without.
        remember: keep it in memory as long as the program runs.
        share: use it for all that ask for a password of the same user right now.
    """

    texts: tuple[str, ...] = field(default=(), repr=False)
    remember: bool = False
    share: bool = False

    @property
    def known(self) -> bool:
        """Whether there is an answer in it."""
        return any(self.texts)


@dataclass(frozen=True, slots=True)
class Question:
    """A question that waits for a person: with choices, or with fields to type in.

    Args:
        host: the alias it is about.
        kind: ``hostkey``, ``password``, ``passphrase`` or ``keyboard`` (what a server asks).
        title: one line.
        lines: the facts to decide on.
        choices: pairs of a key and what it does; the last one is the safe one.
        fields: what is to be typed.
        user: whose password; others that ask for one of the same user may get the same answer.
        lasting: the answer is still right at the next login, so it may be remembered.
        waiting: the hosts that wait for the answer; more may come while it waits.
        id: unique in this process.
    """

    host: str
    kind: str
    title: str
    lines: tuple[str, ...]
    choices: tuple[tuple[str, str], ...] = ()
    fields: tuple[Field, ...] = ()
    user: str = ""
    lasting: bool = False
    waiting: set[str] = field(default_factory=set, compare=False)
    id: str = field(default_factory=lambda: f"q{next(_numbers)}")

    @property
    def refusal(self) -> str | Reply:
        """The answer that is always safe to give."""
        return Reply() if self.fields else self.choices[-1][0]

    @property
    def summary(self) -> str:
        """What a table cell says of it: ``asks for a password``, or that one was wrong."""
        told_first = self.lines[0] if self.lines else ""
        return told_first if told_first.startswith("wrong ") else f"asks {self.wants}"

    @property
    def wants(self) -> str:
        """What is asked for, after "asks": ``for a password``."""
        return WANTS.get(self.kind, "a question")


WANTS = {"password": "for a password", "passphrase": "for a passphrase", "keyboard": "for a code"}


class Asker(Protocol):
    """Somebody who can answer: the screen, the command line, a test."""

    async def ask(self, question: Question) -> str | Reply | None:
        """Give the key of the choice or what was typed, or None when nobody answers."""

    def joined(self, question: Question, host: str) -> None:
        """Another host waits for the answer to a question that is being asked."""


class NobodyAsks:
    """The asker of a program without a person: every question stays unanswered."""

    async def ask(self, question: Question) -> str | Reply | None:
        """Answer nothing."""
        return None

    def joined(self, question: Question, host: str) -> None:
        """Nobody is told."""


@dataclass(frozen=True, slots=True)
class LoadedKeys:
    """The keys to try for one host, with the words to say afterwards.

    Args:
        keys: private keys that could be read, or pairs of a key and its certificate, as
            asyncssh's ``client_keys`` takes them. (asyncssh's key *pairs* remember the signature
            algorithm of one connection, so they are not shared.)
        names: their file names.
        skipped: why some could not be used: ``id_rsa cannot be read``.
        locked: those that need a passphrase first.
    """

    keys: tuple[asyncssh.SSHKey | tuple[asyncssh.SSHKey, asyncssh.SSHCertificate], ...]
    names: tuple[str, ...]
    skipped: tuple[str, ...]
    locked: tuple[LockedKey, ...] = ()


@dataclass(frozen=True, slots=True)
class LockedKey:
    """A private key in a file that a passphrase opens.

    Args:
        path: the file.
        public: its public part, by which a server can say whether it would take it; None when
            the file does not tell and there is none beside it.
        certificates: files with certificates that may be for it.
    """

    path: str
    public: asyncssh.SSHKey | None
    certificates: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the file."""
        return Path(self.path).name

    def open(self, passphrase: str) -> LoadedKeys:
        """Read it; this takes a tenth of a second and more, so it is for a thread.

        Raises:
            ValueError: the passphrase is another one, or the file cannot be read any more.
        """
        import asyncssh

        try:
            key = asyncssh.read_private_key(self.path, passphrase)
        except OSError as error:
            raise ValueError(str(error)) from error
        return _with_certificates(self.path, key, self.certificates)


class KeyRing:
    """Reads each private key once, whatever number of hosts uses it.

    Args:
        home: where the default keys are looked for, below ``.ssh``.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._loaded: dict[tuple[str, tuple[str, ...]], tuple[object, LoadedKeys]] = {}
        self._opened: dict[str, tuple[object, LoadedKeys]] = {}

    def keep(self, locked: LockedKey, opened: LoadedKeys) -> None:
        """Keep a key that was opened, until its file changes or the program ends."""
        self._opened[locked.path] = (_stamp(locked.path), opened)

    def paths_for(self, options: HostOptions) -> tuple[str, ...]:
        """Give the key files that the ssh config names, or the default files."""
        if not options.identity_files:
            return tuple(str(self._home / ".ssh" / name) for name in DEFAULT_KEYS)
        return tuple(path for path in options.identity_files if path != "none")

    def keys_for(self, options: HostOptions) -> LoadedKeys:
        """Give the keys of :meth:`paths_for` that can be used without the ssh-agent."""
        found = [self._load(path, options.certificate_files) for path in self.paths_for(options)]
        return LoadedKeys(
            keys=tuple(key for loaded in found for key in loaded.keys),
            names=tuple(name for loaded in found for name in loaded.names),
            skipped=tuple(text for loaded in found for text in loaded.skipped),
            locked=tuple(locked for loaded in found for locked in loaded.locked),
        )

    def _load(self, path: str, certificates: tuple[str, ...]) -> LoadedKeys:
        opened = self._opened.get(path)
        if opened is not None and opened[0] == _stamp(path):
            return opened[1]
        stamp = tuple(_stamp(name) for name in (path, f"{path}-cert.pub", *certificates))
        cached = self._loaded.get((path, certificates))
        if cached is not None and cached[0] == stamp:
            return cached[1]
        keys = _read(path, certificates) if stamp[0] is not None else LoadedKeys((), (), ())
        self._loaded[path, certificates] = (stamp, keys)
        return keys


def agent_socket(options: HostOptions) -> str | None:
    """Give the path of the ssh-agent to ask for one host, or None for none."""
    if options.identity_agent == "none":
        return None
    if options.identity_agent and options.identity_agent != "SSH_AUTH_SOCK":
        return options.identity_agent
    return os.environ.get("SSH_AUTH_SOCK") or None


async def agent_keys(
    options: HostOptions, paths: tuple[str, ...], stack: AsyncExitStack
) -> tuple[list[asyncssh.SSHKeyPair], str]:
    """Ask the ssh-agent for its keys; with IdentitiesOnly, for those that ``paths`` name.

    The second value says why it has nothing to offer.
    """
    import asyncssh

    path = agent_socket(options)
    if path is None:
        return [], ""
    named = public_keys_of(paths) if options.identities_only else None
    if named == []:
        return [], ""
    try:
        async with asyncio.timeout(AGENT_TIMEOUT_S):
            agent = await asyncssh.connect_agent(path)
            stack.callback(agent.close)  # it signs until the login is over
            wanted = None if named is None else [key.public_data for key in named]
            return list(await agent.get_keys(wanted)), ""
    except (OSError, ValueError) as error:  # a TimeoutError is an OSError
        words = "does not answer" if isinstance(error, TimeoutError) else "gone: attach again"
        return [], f"ssh-agent {words}"


def public_data(key: asyncssh.SSHKey | tuple[asyncssh.SSHKey, asyncssh.SSHCertificate]) -> bytes:
    """Give the bytes by which a server knows a key, or a key with its certificate."""
    return key[1].public_data if isinstance(key, tuple) else key.public_data


def public_keys_of(paths: Iterable[str]) -> list[asyncssh.SSHKey]:
    """Give the public keys that stand for key files, for ``IdentitiesOnly``.

    ssh then offers of the ssh-agent's keys only those, also when the private part is not on disk:
    a named file may be the public key itself, or have it next to it.
    """
    found = (_public(name) for path in paths for name in (path, f"{path}.pub"))
    return [key for key in found if key is not None]


def _public(path: str) -> asyncssh.SSHKey | None:
    import asyncssh

    try:
        return asyncssh.read_public_key(path)
    except (OSError, ValueError):
        return None


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116 - a stat per connect, on a plain string
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _read(path: str, certificates: tuple[str, ...]) -> LoadedKeys:
    import asyncssh

    name = Path(path).name
    try:
        key = asyncssh.read_private_key(path)
    except asyncssh.KeyImportError as error:
        # asyncssh has no error class of its own for "encrypted, and no passphrase given".
        if "passphrase" in str(error).lower():
            locked = LockedKey(path, _public(f"{path}.pub") or _public(path), certificates)
            return LoadedKeys((), (), (), (locked,))
        if _public(path) is not None:  # it stands for a key in the ssh-agent
            return LoadedKeys((), (), ())
        return LoadedKeys((), (), (f"{name} cannot be read",))
    except OSError as error:
        return LoadedKeys((), (), (f"{name}: {error.strerror}",))
    except ValueError:  # an unknown cipher, a damaged file: asyncssh has several for it
        return LoadedKeys((), (), (f"{name} cannot be read",))
    return _with_certificates(path, key, certificates)


def _with_certificates(
    path: str, key: asyncssh.SSHKey, certificates: tuple[str, ...]
) -> LoadedKeys:
    """Give a key with the certificates that are for it."""
    signed = (_certificate(path, key) for path in (f"{path}-cert.pub", *certificates))
    pairs = [(key, certificate) for certificate in signed if certificate is not None]
    return LoadedKeys((*pairs, key), (Path(path).name,), ())


def _certificate(path: str, key: asyncssh.SSHKey) -> asyncssh.SSHCertificate | None:
    """Read a certificate if it is there and certifies this very key."""
    import asyncssh

    try:
        certificate = asyncssh.read_certificate(path)
    except (asyncssh.KeyImportError, OSError):
        return None
    return certificate if certificate.key == key.convert_to_public() else None
