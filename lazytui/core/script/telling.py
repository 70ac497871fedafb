"""Telling what a run prints while it does so."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lazytui.core.script.execution import Execution

log = logging.getLogger(__name__)

Tell = Callable[[str, Sequence[bytes]], None]  # called with a host and whole lines
LONGEST = 64 * 1024  # bytes of a line that is told although its end has not come


async def tell_output(execution: Execution, tell: Tell | None) -> None:
    """Tell the output of an execution line by line, or log it after each step.

    Args:
        execution: what runs.
        tell: called in a thread, because it may block: a pipe that nobody reads.
    """
    if tell is None:
        for step in range(execution.step_count):
            text = await execution.step_log(step)
            log.debug("%s: %s: %s", execution.host, execution.task.name, text)
        return
    rest = b""
    async for piece in execution.pieces():
        *lines, rest = (rest + piece).split(b"\n")
        if len(rest) > LONGEST:
            lines, rest = [*lines, rest], b""
        if lines:
            await asyncio.to_thread(tell, execution.host, lines)
    if rest:
        await asyncio.to_thread(tell, execution.host, [rest])
