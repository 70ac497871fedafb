"""Work in the background that must not end the engine when it fails, and that somebody ends."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Any, Self

from lazytui.errors import LazytuiError

if TYPE_CHECKING:
    from collections.abc import Coroutine

log = logging.getLogger(__name__)


class Background:
    """Owns tasks. An async context: at its end all of them are cancelled, and over."""

    def __init__(self) -> None:
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *exc: object) -> None:
        for task in list(self._tasks):
            task.cancel()
        await self._group.__aexit__(None, None, None)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Begin something; what it raises goes to the log.

        Args:
            work: what is done.
            name: for the log.
        """
        task = self._group.create_task(_guarded(work, name), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(lambda _: work.close())  # cancelled before it began
        return task


async def _guarded(work: Coroutine[Any, Any, None], name: str) -> None:
    """Do something whose failure must not end the engine for all others."""
    try:
        await work
    except LazytuiError as error:
        log.warning("%s: %s", name, error)
    except Exception:
        log.exception("%s", name)
