"""What can go wrong before a terminal and the engine have met."""

from __future__ import annotations


class PumpError(Exception):
    """The engine cannot be reached or started; the message says why, and what to do."""


class RefusedError(PumpError):
    """The engine answered, and does not serve this client.

    Args:
        why: a word to test for: ``version``, ``config``, ``kind``, ``garbage``, ``ending``.
        message: in plain words.
        version: of the engine.
        pid: of the engine.
    """

    def __init__(self, why: str, message: str, version: str, pid: int) -> None:
        super().__init__(message)
        self.why = why
        self.version = version
        self.pid = pid


class EngineLostError(PumpError):
    """The engine closed the connection before it had answered: it was just ending."""
