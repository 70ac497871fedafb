"""The one bridge of this process, over which all blocking classes call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from lazytui.blocking.bridge import Bridge
from lazytui.core.script.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

Answer = TypeVar("Answer")

# One a process, as a script expects it: all its runtimes share connections and the journal.
_BRIDGE: Bridge[Session] = Bridge(Session)


def call(ask: Callable[[Session], Coroutine[Any, Any, Answer]]) -> Answer:
    """Run a coroutine of the core with the session of this process; see :meth:`Bridge.call`."""
    return _BRIDGE.call(ask)


def is_over() -> bool:
    """Whether Python is ending, and has cleaned up all there was."""
    return _BRIDGE.is_over


def close() -> None:
    """End what runs here, but for what was asked to outlive the script, and close connections.

    That happens by itself at the end of the process; the next call begins anew.
    """
    _BRIDGE.close()
