"""Opening a page in the browser of whoever sits at the terminal."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OPENERS = (["open"],) if sys.platform == "darwin" else (["xdg-open"], ["gio", "open"])
COMPLAINT_S = 3.0  # what has not failed by then has opened it


def has_display(environ: Mapping[str, str]) -> bool:
    """Say whether a browser would come up where the user sits."""
    if environ.get("SSH_CONNECTION"):
        return False
    return sys.platform == "darwin" or bool(
        environ.get("DISPLAY") or environ.get("WAYLAND_DISPLAY")
    )


async def open_page(url: str, environ: Mapping[str, str]) -> bool:
    """Open a page in the user's browser.

    Args:
        url: of the page.
        environ: of the terminal: the engine may have been started from another display, or none.

    Returns:
        Whether that began.
    """
    everything = {**os.environ, **environ}
    for name, *words in OPENERS:
        if (program := shutil.which(name, path=everything.get("PATH"))) is None:
            continue
        process = await asyncio.create_subprocess_exec(
            *(program, *words, url),
            env=everything,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            async with asyncio.timeout(COMPLAINT_S):
                if await process.wait() == 0:
                    return True
        except TimeoutError:
            return True  # some openers stay as long as their browser
    return False
