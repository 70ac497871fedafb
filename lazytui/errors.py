"""Every exception of lazytui. Each message says what happened, where, and what to do next."""

from __future__ import annotations


class LazytuiError(Exception):
    """The base of all errors that lazytui raises on purpose."""


class UsageError(LazytuiError):
    """The user asked for what cannot be: an unknown host, a filter that does not parse."""


class InvalidRuntimeError(LazytuiError):
    """A host cannot be used as a runtime.

    Args:
        host: the alias in the ssh config.
        reason: why, in plain words.
    """

    def __init__(self, host: str, reason: str = "") -> None:
        super().__init__(f"{host} cannot be used: {reason}" if reason else f"{host} cannot be used")
        self.host = host
        self.reason = reason


class NoRuntimesDetectedError(LazytuiError):
    """No host in the ssh config can be used, or none matches."""


# The seed spells it in three ways; all of them are this one.
NoRuntimeDetectedError = NoRuntimesDetectedError
NoRuntimesError = NoRuntimesDetectedError


class ConnectError(LazytuiError):
    """A connection could not be made.

    Args:
        reason: plain words for a table cell: "refused", "no answer in 5 s".
        retry: whether trying again by itself may help (never after refused authentication).
        kind: a stable word to test for, e.g. ``refused``, ``timeout``, ``auth``, ``hostkey``.
    """

    def __init__(self, reason: str, *, kind: str, retry: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind = kind
        self.retry = retry


class HostKeyError(ConnectError):
    """The host's key is unknown, changed or revoked, so nothing was sent to it."""

    def __init__(self, reason: str, *, kind: str = "hostkey") -> None:
        super().__init__(reason, kind=kind, retry=False)


class ConnectionLostError(LazytuiError):
    """The connection to a host broke while something was asked of it."""


class AgentError(LazytuiError):
    """The agent on a host answered a request with an error.

    Args:
        kind: the agent's word for it, e.g. ``no-space``, ``not-ours``, ``rebooted``.
    """

    def __init__(self, message: str, *, kind: str = "error") -> None:
        super().__init__(message)
        self.kind = kind


class SettingsError(LazytuiError):
    """A settings file has a mistake; the message names the line."""


class JournalError(LazytuiError):
    """The journal on the manager could not be read or written."""


class SpoolError(LazytuiError):
    """Output of a run could not be put into its spool."""
