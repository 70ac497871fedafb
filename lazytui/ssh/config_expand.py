"""What stands for something else in a value: ``%h`` tokens, ``${VAR}``, ``~`` and ``~user``."""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import socket
from typing import TYPE_CHECKING

from lazytui.ssh.config_syntax import ConfigSyntaxError

if TYPE_CHECKING:
    from collections.abc import Mapping

CLIENT_TOKENS = frozenset("%CLdhijklnpru")
"""Allowed in paths and in Match exec (``%j`` since OpenSSH 9.6)."""
PROXY_TOKENS = frozenset("%hknpr")
HOST_TOKENS = frozenset("%h")

_MARK = re.compile(r"%(.?)|\$\{([^}]*)(\}?)", re.DOTALL)


def check(text: str, tokens: frozenset[str], environment: Mapping[str, str] | None = None) -> str:
    """Give the text back if every token in it is allowed and every variable is set.

    Args:
        text: a value as written in the file.
        tokens: the letters that may follow a ``%``.
        environment: where ``${VAR}`` is looked up; None when ``${`` means itself here.

    Raises:
        ConfigSyntaxError: names the token or the variable.
    """
    if "%" not in text and "${" not in text:
        return text
    for found in _MARK.finditer(text):
        token, name, end = found.groups()
        if token is not None:
            if token == "" or token not in tokens:
                raise ConfigSyntaxError(f"unknown token %{token} in {text}")
        elif environment is not None:
            if not end or not name:
                raise ConfigSyntaxError(f"not a variable: {found.group()} in {text}")
            if name not in environment:
                raise ConfigSyntaxError(f"the variable {name} is not set, in {text}")
    return text


def check_path(text: str, environment: Mapping[str, str]) -> str:
    """Give a path back if its tokens are allowed, its variables set, and its ``~user`` exists.

    Raises:
        ConfigSyntaxError: names what is wrong.
    """
    if text.startswith("~") and expand_home(text, "/") == text:
        raise ConfigSyntaxError(f"no such user: {text.partition('/')[0]}")
    return check(text, CLIENT_TOKENS, environment)


def expand_tokens(text: str, tokens: Mapping[str, str]) -> str:
    """Replace the ``%`` tokens of a checked value; ``${VAR}`` stays, for the shell."""
    return re.sub("%(.)", lambda found: tokens.get(found[1], found[0]), text, flags=re.DOTALL)


def expand_path(
    text: str, tokens: Mapping[str, str], environment: Mapping[str, str], home: str
) -> str:
    """Replace a leading ``~``, then tokens and variables in one pass, as OpenSSH does."""
    text = expand_home(text, home)
    if "%" not in text and "${" not in text:
        return text

    def value(found: re.Match[str]) -> str:
        table, name = (environment, found[2]) if found[1] is None else (tokens, found[1])
        return table.get(name, found[0])

    return _MARK.sub(value, text)


def expand_home(text: str, home: str) -> str:
    """Replace a leading ``~`` by ``home`` and ``~user`` by that user's home folder.

    A user that does not exist leaves the text as it is: no such file will be found then.
    """
    if not text.startswith("~"):
        return text
    user, _, path = text[1:].partition("/")
    if user:
        try:
            home = pwd.getpwnam(user).pw_dir
        except (KeyError, ValueError):
            return text
    return f"{home.rstrip('/')}/{path.lstrip('/')}"


def host_tokens(
    *,
    alias: str,
    hostname: str,
    port: int,
    user: str,
    key_alias: str,
    local_user: str,
    home: str,
    jump: str = "",
) -> dict[str, str]:
    """Give the text of every token for one host.

    Args:
        alias: what the user typed (``%n``).
        hostname: the host that is reached (``%h``).
        port: its port (``%p``).
        user: who logs in there (``%r``).
        key_alias: HostKeyAlias or the alias (``%k``).
        local_user: who runs lazytui (``%u``).
        home: that user's home folder (``%d``).
        jump: the ProxyJump hops, joined by commas (``%j``).
    """
    here = socket.gethostname()
    connection = f"{here}{hostname}{port}{user}{jump}".encode("utf-8", "surrogateescape")
    return {
        "%": "%",
        # OpenSSH names control sockets with it: a name, not a protection.
        "C": hashlib.sha1(connection, usedforsecurity=False).hexdigest(),
        "L": here.partition(".")[0],
        "d": home,
        "h": hostname,
        "i": str(os.getuid()),
        "j": jump,
        "k": key_alias,
        "l": here,
        "n": alias,
        "p": str(port),
        "r": user,
        "u": local_user,
    }
