"""Who serves which kind of client. What takes time to import is imported with the first of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lazytui.core.engine import Engine
    from lazytui.door.peer import Peer

Handler = Callable[["Engine", "Peer"], Awaitable[int]]
"""Serves one welcomed client until it leaves or is cancelled; gives the client's exit status."""


def handlers() -> dict[str, Handler]:
    """Give the handler of each kind of client."""
    return {}
