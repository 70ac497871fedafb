"""One function on many items, shared out among hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.script.task import ScriptTask
from lazytui.core.script.tracking import finish, start

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any

    from lazytui.core.script.runtime import ScriptRuntime
    from lazytui.core.script.session import Session


async def map_on(
    session: Session,
    runtimes: Sequence[ScriptRuntime],
    function: Callable[[Any], Any],
    items: list[Any],
) -> list[Any]:
    """Call a function with each item: each host gets an equal share, as one step.

    Returns:
        What it gave back, in the order of the items.

    Raises:
        TaskExecutionError: it failed on a host.
        InvalidRuntimeError: a host cannot be used.
    """

    def work(share: list[Any]) -> list[Any]:
        return [function(item) for item in share]

    count = min(len(items), len(runtimes))
    shares = [items[index::count] for index in range(count)]
    tasks = [ScriptTask().run_function(work, share=share) for share in shares]
    pairs = list(zip(runtimes, tasks, strict=False))
    begun = [run for pair in pairs for run in await start(session, [pair])]
    await finish(begun)
    found: list[Any] = [None] * len(items)
    for index, task in enumerate(tasks):
        (found[index::count],) = await task.function_returns()
    return found
