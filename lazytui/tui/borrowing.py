"""Lends the terminal of an app to a program, one at a time, and says how that ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from lazytui.program import Ended, Program
    from lazytui.tui.app import LazytuiApp

GROUP = "terminal"


def borrow(
    app: LazytuiApp,
    opening: Callable[[], Awaitable[Program]],
    title: str,
    *,
    after: Callable[[Ended], None] | None = None,
) -> None:
    """Open a program and give it the terminal; while one has it, another gets nothing.

    What goes wrong is told by the app, as for every worker.

    Args:
        app: whose terminal.
        opening: opens the program; the screen stays until it is open.
        title: what it is, for people; any text.
        after: called with its end, when the screen is back.
    """
    if any(worker.group == GROUP and not worker.is_finished for worker in app.workers):
        return
    app.run_worker(
        _lent(app, opening, title, after), name=sanitize(title), group=GROUP, exit_on_error=False
    )


async def _lent(
    app: LazytuiApp,
    opening: Callable[[], Awaitable[Program]],
    title: str,
    after: Callable[[Ended], None] | None,
) -> None:
    program = await opening()
    end = await app.hand_over(program)
    if end.why:
        app.notify(f"{sanitize(title)}: {sanitize(end.why)}", severity="warning", markup=False)
    if after is not None:
        after(end)
