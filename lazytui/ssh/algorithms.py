"""Which algorithms a connection asks for.

From the ssh config where it says something that asyncssh knows, else what was measured as fast.
"""

from __future__ import annotations

import fnmatch
from typing import TYPE_CHECKING, Any

from asyncssh.encryption import get_encryption_algs
from asyncssh.kex import get_kex_algs
from asyncssh.mac import get_mac_algs
from asyncssh.public_key import (
    get_default_certificate_algs,
    get_default_public_key_algs,
    get_public_key_algs,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.ssh.config import HostOptions
    from lazytui.ssh.trust import Trust

# aes128-gcm first: asyncssh prefers chacha20, which costs it twice the CPU for a small command and
# 1.4 to 1.6 times the time for bulk data on a CPU with AES instructions.
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)


def choose(options: HostOptions, trust: Trust) -> dict[str, Any]:
    """Give the algorithm arguments of ``asyncssh.connect`` for one host.

    Args:
        options: the host's ssh config.
        trust: its known keys; their kinds are asked for first, as ssh does, but others stay
            allowed, so that a server with another kind of key is seen as *changed* and not as one
            without a common algorithm.
    """
    chosen: dict[str, Any] = {
        "encryption_algs": wanted(options.ciphers, CIPHERS, _names(get_encryption_algs())),
        "compression_algs": ["zlib@openssh.com", "none"] if options.compression else None,
    }
    if options.kex_algorithms:
        known = _names(get_kex_algs())
        chosen["kex_algs"] = wanted(options.kex_algorithms, known, known)
    if options.macs:
        known = _names(get_mac_algs())
        chosen["mac_algs"] = wanted(options.macs, known, known)
    chosen["server_host_key_algs"] = _host_keys(options, trust)
    return chosen


def _host_keys(options: HostOptions, trust: Trust) -> list[str]:
    # A certificate is asked for only where an authority could vouch for it: a server then shows
    # its plain key to everybody else, who can be asked about that.
    certified = _names(get_default_certificate_algs())
    first = [alg.decode() for key in trust.keys for alg in key.sig_algorithms]
    usual = [*(certified if trust.authorities else ()), *first]
    usual += _names(get_default_public_key_algs())
    supported = [*certified, *_names(get_public_key_algs())]
    return wanted(options.host_key_algorithms, list(dict.fromkeys(usual)), supported)


def wanted(text: str | None, default: Sequence[str], supported: Sequence[str]) -> list[str]:
    """Apply an algorithm list of the ssh config: plain, ``+``, ``-`` or ``^`` (ssh_config(5)).

    Args:
        text: the list, or None for the defaults.
        default: what is used without it.
        supported: what asyncssh knows; the rest of the user's list is passed over.
    """
    if not text:
        return list(default)
    mode, names = (text[0], text[1:]) if text[0] in "+-^" else ("", text)
    patterns = [name.strip() for name in names.split(",") if name.strip()]
    if mode == "-":
        return [name for name in default if not any(fnmatch.fnmatchcase(name, p) for p in patterns)]
    named = [name for p in patterns for name in supported if fnmatch.fnmatchcase(name, p)]
    if mode == "+":
        named = [*default, *named]
    elif mode == "^":
        named = [*named, *default]
    return list(dict.fromkeys(named)) or list(default)


def authentication(options: HostOptions) -> list[str]:
    """Give the methods to try, in order: those that the ssh config allows."""
    allowed = {
        "publickey": options.pubkey_authentication,
        "keyboard-interactive": options.kbd_interactive_authentication,
        "password": options.password_authentication,
    }
    order = options.preferred_authentications or tuple(allowed)
    return [method for method in order if allowed.get(method)] or ["publickey"]


def _names(raw: Sequence[bytes]) -> list[str]:
    return [name.decode() for name in raw]
