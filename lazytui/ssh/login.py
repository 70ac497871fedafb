"""How a script wants to log in to a host, where it knows better than the ssh config."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import asyncssh

    from lazytui.ssh.config import HostOptions

PathLike = str | os.PathLike[str]


@dataclass(frozen=True, slots=True)
class Login:
    """The ``connection_kwargs`` of a runtime; names and meaning are those of asyncssh.

    Args:
        host: the address to connect to instead of the ssh config's ``HostName``.
        port: TCP port.
        username: who logs in.
        password: tried after the keys, also for keyboard-interactive logins.
        client_keys: private keys to offer, and no others: paths, or asyncssh's keys.
        passphrase: of the keys in files; without ``client_keys``, of those of the ssh config.
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
    client_keys: Sequence[PathLike | asyncssh.SSHKey] | PathLike | None = None
    passphrase: str | None = None
    known_hosts: Sequence[PathLike] | PathLike | None = ()
    connect_timeout: float | None = None
    keepalive_interval: float | None = None
    keepalive_count_max: int | None = None

    @classmethod
    def of(cls, keywords: Mapping[str, Any]) -> Login:
        """Read ``connection_kwargs``.

        Raises:
            ValueError: one of them is not known, or the port is none.
        """
        known = [field.name for field in fields(cls)]
        if unknown := [name for name in keywords if name not in known]:
            raise ValueError(
                f"connection_kwargs has no {', '.join(map(repr, unknown))}; "
                f"it may have {', '.join(known)}"
            )
        port = keywords.get("port")
        if port is not None and not (isinstance(port, int) and 0 < port < 65536):
            raise ValueError(
                f"connection_kwargs: the port is a number from 1 to 65535, not {port!r}"
            )
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
            ValueError, OSError: a file cannot be read, or its passphrase is another.
        """
        if self.client_keys is not None:
            return await asyncio.to_thread(self._read, _several(self.client_keys))
        if self.passphrase is not None:
            return await asyncio.to_thread(lambda: self._read(p for p in usual if Path(p).exists()))
        return None

    def _read(self, keys: Iterable[PathLike | asyncssh.SSHKey]) -> list[asyncssh.SSHKey]:
        import asyncssh

        return [
            asyncssh.read_private_key(_expanded(key), self.passphrase)
            if isinstance(key, str | os.PathLike)
            else key
            for key in keys
        ]


def _expanded(path: PathLike) -> str:
    return str(Path(path).expanduser())


def _several(given: Any) -> Sequence[Any]:
    if isinstance(given, str | os.PathLike):
        return (given,)
    return given or ()
