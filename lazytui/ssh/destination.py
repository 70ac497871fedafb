"""Where a connection leads to, as people write it: ``[user@]host[:port]``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from lazytui.errors import UsageError

_HOST = re.compile(r"[A-Za-z0-9_.:][A-Za-z0-9_.:-]{0,254}")
_USER = re.compile(r"[^\s\"'#\\%@,-][^\s\"'#\\%@,]{0,254}")


@dataclass(frozen=True, slots=True)
class Destination:
    """A host, with the user and the port where they were told.

    Args:
        host: a name or an address.
        user: empty where none was told.
        port: 22 where none was told.
    """

    host: str
    user: str = ""
    port: int = 22

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read ``[user@]host[:port]``; an IPv6 address with a port stands in brackets.

        Raises:
            UsageError: it is none, or cannot stand in an ssh config as it is.
        """
        user, host, port = split_target(text)
        named = "@" in text
        if not _HOST.fullmatch(host) or (named and not _USER.fullmatch(user)):
            raise UsageError(f"{text!r} is not [USER@]HOST[:PORT]")
        tail = text.rpartition("]" if "]" in text else host)[2]
        if tail.startswith(":") and not 0 < port < 65536:
            raise UsageError(f"{tail[1:]!r} is no port: a number from 1 to 65535")
        return cls(host, user, port or 22)


def split_target(target: str) -> tuple[str, str, int]:
    """Split ``[ssh://][user@]host[:port]`` into user, host and port ("" and 0 when not given)."""
    target = target.removeprefix("ssh://").rstrip("/")
    user, _, rest = target.rpartition("@")
    if rest.startswith("["):
        host, _, tail = rest[1:].partition("]")
        port = tail.removeprefix(":")
    elif rest.count(":") == 1:
        host, _, port = rest.partition(":")
    else:
        host, port = rest, ""
    return user, host, int(port) if port.isascii() and port.isdigit() else 0
