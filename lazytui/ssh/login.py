"""How a script wants to log in to a host, where it knows better than the ssh config."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, Union

from lazytui.errors import ConnectError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import asyncssh

    from lazytui.ssh.config import HostOptions

PathLike = str | os.PathLike[str]
Key = Union[str, bytes, os.PathLike[str], "asyncssh.SSHKey"]

_BEGIN = "-----BEGIN "  # of every private key as text
_TEXTS = ("host", "username", "password", "passphrase")
_SECRETS = ("password", "passphrase")
_AMOUNTS = ("connect_timeout", "keepalive_interval", "keepalive_count_max")


@dataclass(frozen=True, slots=True)
class Login:
    """The ``connection_kwargs`` of a runtime; names and meaning are those of asyncssh.

    Args:
        host: the address to connect to instead of the ssh config's ``HostName``.
        port: TCP port.
        username: who logs in.
        password: tried after the keys, also for keyboard-interactive logins.
        client_keys: private keys to offer, and no others: paths, the text of keys as it stands
            in such a file (PEM or OpenSSH), or asyncssh's key objects; one or several.
        passphrase: of the keys in files and of those given as text; without ``client_keys``, of
            those of the ssh config.
        known_hosts: files to look the host's key up in, and no others. None accepts every key,
            which is for tests on your own machine.
        connect_timeout: seconds until the host must have answered.
        keepalive_interval: seconds between two questions whether the host is still there.
        keepalive_count_max: unanswered ones before the connection counts as lost.
    """

    host: str | None = None
    port: int | None = None
    username: str | None = None
    password: str | None = None
    client_keys: Sequence[Key] | Key | None = None
    passphrase: str | None = None
    known_hosts: Sequence[PathLike] | PathLike | None = ()
    connect_timeout: float | None = None
    keepalive_interval: float | None = None
    keepalive_count_max: int | None = None

    @classmethod
    def of(cls, keywords: Mapping[str, Any]) -> Login:
        """Read ``connection_kwargs``.

        Raises:
            ValueError: one of them is not known, or is not what it has to be.
        """
        known = [field.name for field in fields(cls)]
        if unknown := [name for name in keywords if name not in known]:
            raise ValueError(
                f"connection_kwargs has no {', '.join(map(repr, unknown))}; "
                f"it may have {', '.join(known)}"
            )
        for name, value in keywords.items():
            if value is not None and (wanted := _complaint(name, value)):
                shown = type(value).__name__ if name in _SECRETS else repr(value)
                raise ValueError(f"connection_kwargs: {wanted}, not {shown}")
        return cls(**keywords)

    def apply(self, options: HostOptions) -> HostOptions:
        """Give what the ssh config says, with what is said here in its place."""
        changes: dict[str, Any] = {
            "hostname": self.host,
            "port": self.port,
            "user": self.username,
            "connect_timeout": self.connect_timeout,
            "server_alive_interval": self.keepalive_interval,
            "server_alive_count_max": self.keepalive_count_max,
        }
        changes = {name: value for name, value in changes.items() if value is not None}
        if self.known_hosts is None:
            changes["strict_host_key_checking"] = "no"
            changes["user_known_hosts_files"] = changes["global_known_hosts_files"] = ()
        elif files := _several(self.known_hosts):
            changes["user_known_hosts_files"] = tuple(map(_expanded, files))
            changes["global_known_hosts_files"] = ()
        return replace(options, **changes)

    async def keys(self, usual: Iterable[str]) -> list[asyncssh.SSHKey] | None:
        """Read the keys to offer; None when the usual ones are to be tried as usual.

        Args:
            usual: paths of the keys that the ssh config names, which a passphrase may open.

        Raises:
            ConnectError: a file cannot be read, is no key, or its passphrase is another.
        """
        if self.client_keys is not None:
            return await asyncio.to_thread(self._read, _several(self.client_keys))
        if self.passphrase is not None:
            return await asyncio.to_thread(lambda: self._read(p for p in usual if Path(p).exists()))
        return None

    def _read(self, keys: Iterable[Key]) -> list[asyncssh.SSHKey]:
        import asyncssh

        found: list[asyncssh.SSHKey] = []
        for key in keys:
            try:
                if _is_key_text(key):
                    found.append(asyncssh.import_private_key(key, self.passphrase))
                elif isinstance(key, str | os.PathLike):
                    found.append(asyncssh.read_private_key(_expanded(key), self.passphrase))
                else:
                    assert not isinstance(key, bytes)
                    found.append(key)
            except (OSError, ValueError) as error:
                is_path = isinstance(key, str | os.PathLike) and not _is_key_text(key)
                name = sanitize(str(key)) if is_path else "the key that was given as text"
                reason = f"{name} {self._problem(error)}"
                raise ConnectError(reason, kind="key", retry=False) from error
        return found

    def _problem(self, error: OSError | ValueError) -> str:
        if isinstance(error, OSError):
            return f"cannot be read: {error.strerror}"
        if "passphrase" not in str(error).lower():
            return "is no private key"
        return "needs a passphrase" if self.passphrase is None else "has another passphrase"


def _complaint(name: str, value: object) -> str:
    """Say what a keyword has to be, when it is something else."""
    if name == "port" and (not isinstance(value, int) or not 0 < value < 65536 or value is True):
        return "the port is a number from 1 to 65535"
    if name in _TEXTS and (not isinstance(value, str) or (not value and name not in _SECRETS)):
        return f"{name} is text" if name in _SECRETS else f"{name} is text that is not empty"
    if name in _AMOUNTS and (isinstance(value, bool) or not isinstance(value, int | float)):
        return f"{name} is a number"
    if name == "known_hosts" and not all(isinstance(v, str | os.PathLike) for v in _several(value)):
        return "known_hosts is a path, several of them, or None"
    return ""


def _is_key_text(key: object) -> TypeGuard[str | bytes]:
    return isinstance(key, bytes) or (isinstance(key, str) and key.lstrip().startswith(_BEGIN))


def _expanded(path: PathLike) -> str:
    return str(Path(path).expanduser())


def _several(given: Any) -> Iterable[Any]:
    """Give one, several or none as several; a key object is one."""
    if given is None:
        return ()
    return given if isinstance(given, list | tuple | set | frozenset) else (given,)
