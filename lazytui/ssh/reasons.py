"""From an exception to plain words: why a host could not be reached.

Each reason fits a table cell, and says whether trying again by itself may help. Authentication is
never tried again: OpenSSH >= 9.8 locks out a source address after a few failures.
"""

from __future__ import annotations

import errno
import socket
from dataclasses import dataclass

import asyncssh

from lazytui.errors import ConnectError, HostKeyError
from lazytui.text import sanitize


@dataclass(slots=True)
class Attempt:
    """What was seen while one connection was tried.

    Args:
        host: the alias.
        timeout_s: seconds that were allowed until the server said its version.
        tried: what was offered to prove who we are: ``agent``, key file names.
        skipped: keys that could not be offered, with why.
        address: the address that was reached, when it was reached directly.
        server_version: what the server said it is; empty until it spoke.
        password_wanted: the server would take a password or an answer at the keyboard.
        offered_key: a host key that is not trusted.
        proxy_complaint: the last line of the ProxyCommand's stderr.
        looked_twice: a port that hung up was asked what it is.
        wrong: how many passwords and answers were refused.
        wrong_what: what the last one was: ``password`` or ``answer``.
    """

    host: str
    timeout_s: float
    tried: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    address: str = ""
    server_version: str = ""
    password_wanted: bool = False
    offered_key: asyncssh.SSHKey | None = None
    proxy_complaint: str = ""
    looked_twice: bool = False
    wrong: int = 0
    wrong_what: str = "answer"


def explain(error: BaseException, attempt: Attempt) -> ConnectError:
    """Turn what a connection attempt raised into a reason in plain words.

    Args:
        error: what was raised.
        attempt: what was seen on the way.
    """
    if isinstance(error, ConnectError):
        return error
    if isinstance(error, asyncssh.PermissionDenied):
        return _denied(attempt)
    if isinstance(error, asyncssh.HostKeyNotVerifiable):
        return HostKeyError(f"host key not accepted: {_plain(error)}")
    if isinstance(error, asyncssh.KeyExchangeFailed):
        return ConnectError(f"no common algorithm: {_plain(error)}", kind="kex", retry=False)
    if isinstance(error, asyncssh.ProtocolNotSupported | asyncssh.ProtocolError):
        if not attempt.server_version:
            return not_ssh()
        if attempt.wrong:
            return _wrong(attempt)
        if "Too many authentication failures" in str(error):
            return ConnectError(
                f"too many keys refused (tried: {', '.join(attempt.tried)}); set IdentitiesOnly",
                kind="auth",
                retry=False,
            )
        return ConnectError(f"protocol error: {_plain(error)}", kind="protocol", retry=True)
    if isinstance(error, TimeoutError):
        return no_answer(attempt)
    if isinstance(error, asyncssh.ChannelOpenError):
        # Through a bastion: its sshd could not reach the target.
        return ConnectError(_tunnel_reason(error), kind="bastion", retry=True)
    if isinstance(error, socket.gaierror):
        unknown = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None))
        words = "host name not known" if unknown else f"name lookup failed: {_plain(error)}"
        return ConnectError(words, kind="dns", retry=True)
    if isinstance(error, OSError):
        return _system(error, attempt)
    if isinstance(error, asyncssh.Error):
        return _lost(error, attempt)
    return ConnectError(f"{type(error).__name__}: {_plain(error)}", kind="error", retry=False)


def not_ssh() -> ConnectError:
    """The port answers, but not as an SSH server does."""
    return ConnectError("not an SSH server", kind="not-ssh", retry=False)


def no_answer(attempt: Attempt) -> ConnectError:
    """Nothing came back in the time allowed."""
    if attempt.server_version:
        return ConnectError("login took too long", kind="timeout", retry=True)
    return ConnectError(f"no answer in {attempt.timeout_s:g} s", kind="timeout", retry=True)


def _wrong(attempt: Attempt) -> ConnectError:
    """What was typed was refused: that is never sent again by itself."""
    times = f"{attempt.wrong} times " if attempt.wrong > 1 else ""
    words = f"permission denied: {times}a wrong {attempt.wrong_what}"
    if attempt.wrong > 1:
        words += "; wait a minute before the next try, sshd may lock this address out"
    return ConnectError(words, kind="auth", retry=False)


def _denied(attempt: Attempt) -> ConnectError:
    if attempt.wrong:
        return _wrong(attempt)
    notes = []
    if attempt.tried:
        notes.append(f"tried: {', '.join(attempt.tried)}")
    notes.extend(attempt.skipped)
    detail = f" ({'; '.join(notes)})" if notes else ""
    if attempt.password_wanted:
        return ConnectError(f"needs a password{detail}", kind="password", retry=False)
    if not notes:
        detail = " (no key to try)"
    return ConnectError(f"permission denied{detail}", kind="auth", retry=False)


def _system(error: OSError, attempt: Attempt) -> ConnectError:
    if attempt.proxy_complaint:
        return ConnectError(f"proxy command: {attempt.proxy_complaint}", kind="proxy", retry=True)
    known = {
        errno.ECONNREFUSED: ("refused", "refused"),
        errno.EHOSTUNREACH: ("no route to host", "unreachable"),
        errno.ENETUNREACH: ("network unreachable", "unreachable"),
        errno.ETIMEDOUT: (f"no answer in {attempt.timeout_s:g} s", "timeout"),
        errno.ECONNRESET: ("closed the connection", "closed"),
        errno.EPIPE: ("closed the connection", "closed"),
        errno.EMFILE: ("too many open files here (raise ulimit -n)", "limit"),
    }
    words, kind = known.get(error.errno or 0, (error.strerror or _plain(error), "system"))
    return ConnectError(words, kind=kind, retry=True)


def _lost(error: asyncssh.Error, attempt: Attempt) -> ConnectError:
    if attempt.proxy_complaint:
        return ConnectError(f"proxy command: {attempt.proxy_complaint}", kind="proxy", retry=True)
    if not attempt.server_version:
        return ConnectError("closed the connection before login", kind="closed", retry=True)
    if isinstance(error, asyncssh.ConnectionLost):
        return ConnectError("connection lost during login", kind="closed", retry=True)
    return ConnectError(f"disconnected: {_plain(error)}", kind="disconnected", retry=True)


def _tunnel_reason(error: asyncssh.ChannelOpenError) -> str:
    if error.code == asyncssh.OPEN_ADMINISTRATIVELY_PROHIBITED:
        return "the bastion does not allow forwarding"
    text = _plain(error)
    lower = text.lower()
    if "refused" in lower:
        return "refused"
    if "timed out" in lower:
        return "no answer"
    return text


def _plain(error: BaseException) -> str:
    return sanitize(str(error), max_chars=200) or type(error).__name__
