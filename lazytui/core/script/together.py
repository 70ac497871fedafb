"""Doing one thing on many runtimes at once."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from typing import Any

Thing = TypeVar("Thing")
Answer = TypeVar("Answer")


async def each(
    things: Iterable[Thing], do: Callable[[Thing], Coroutine[Any, Any, Answer]]
) -> list[Answer]:
    """Do something with all, wait until all are over, and give the answers in their order.

    Raises:
        BaseException: the first that went wrong, in the order of the things; the others are
            notes on it. All were tried.
    """
    answers = await asyncio.gather(*(do(thing) for thing in things), return_exceptions=True)
    errors = [answer for answer in answers if isinstance(answer, BaseException)]
    if errors:
        for other in errors[1:]:
            errors[0].add_note(f"also: {other}")
        raise errors[0]
    return [answer for answer in answers if not isinstance(answer, BaseException)]
