"""``$EDITOR`` and ``$PAGER`` of whoever is at the terminal, on the manager."""

from __future__ import annotations

import asyncio
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, cast

from lazytui.core.local_program import editor, environ_for, pager, start_program
from lazytui.text import sanitize
from lazytui.tui.borrowing import borrow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import App

    from lazytui.program import Ended, Program
    from lazytui.tui.app import LazytuiApp

MOST_BYTES = 1 << 20  # a command longer than that is a mistake of the editor


def read_in_pager(app: App[object], path: Path) -> None:
    """Show a file in the user's pager; what is no program is told by the app.

    Args:
        app: whose terminal the pager gets.
        path: the file, on the manager.
    """
    ours = cast("LazytuiApp", app)

    async def opening() -> Program:
        return await _start(ours, [*pager(ours.environ), str(path)])

    borrow(ours, opening, "pager")


def edit_text(app: App[object], text: str, take: Callable[[str], None]) -> None:
    """Let the user edit a text in their editor.

    Nothing is taken when the editor fails; its file is then kept, and named.

    Args:
        app: whose terminal the editor gets.
        text: to begin with.
        take: called with the new text, without the line end at its end.
    """
    ours = cast("LazytuiApp", app)
    file = Path()

    async def opening() -> Program:
        nonlocal file
        words = editor(ours.environ)  # before a file is made for one that is not there
        file = await asyncio.to_thread(_written, text)
        return await _start(ours, [*words, str(file)])

    def edited() -> None:
        ours.run_worker(_taken(file, take), name="editor", group="editor", exit_on_error=False)

    borrow(ours, opening, "editor", after=lambda end: _after(ours, file, end, edited))


def edit_file(app: App[object], file: Path, edited: Callable[[], None]) -> None:
    """Let the user edit a file in their editor.

    Args:
        app: whose terminal the editor gets.
        file: on the manager.
        edited: called when the editor ended well; else the file is named.
    """
    ours = cast("LazytuiApp", app)

    async def opening() -> Program:
        return await _start(ours, [*editor(ours.environ), str(file)])

    borrow(ours, opening, "editor", after=lambda end: _after(ours, file, end, edited))


def _after(app: LazytuiApp, file: Path, end: Ended, edited: Callable[[], None]) -> None:
    """Go on when the editor ended well; else say where the file is."""
    if end.status == 0:
        edited()
        return
    what = f"exit {end.status}" if end.status is not None else end.why
    told = f"the editor failed ({what}): nothing is changed; its file is {file}"
    app.notify(sanitize(told), severity="warning", timeout=15, markup=False)


async def _start(app: LazytuiApp, words: Sequence[str]) -> Program:
    size = (app.size.width, app.size.height)
    return await start_program(words, size=size, environ=environ_for(app.environ))


async def _taken(file: Path, take: Callable[[str], None]) -> None:
    text = await asyncio.to_thread(_read, file)
    take(text)


def _written(text: str) -> Path:
    number, name = tempfile.mkstemp(prefix="lazytui-", suffix=".sh")
    with os.fdopen(number, "w", encoding="utf-8", errors="surrogateescape") as file:
        file.write(f"{text}\n" if text else "")
    return Path(name)


def _read(file: Path) -> str:
    with file.open("rb") as opened:
        data = opened.read(MOST_BYTES)
    file.unlink()
    return data.decode("utf-8", "surrogateescape").removesuffix("\n")
