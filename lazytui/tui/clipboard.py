"""Copying: to the clipboard of the user's terminal, wherever that is, and to a file.

OSC 52 asks the terminal to take a text into its clipboard. No terminal says whether it did, tmux
drops the request by default, and many refuse a long one; so the text is also kept in a file, and
what is told to the user promises no more than that.
"""

from __future__ import annotations

import base64
import os
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.core.paths import Paths
from lazytui.text import size_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import App

# hterm and others take no more than 100,000 bytes of base64 in one sequence.
TERMINAL_LIMIT_BYTES = 74_994
FILE_NAME = "clipboard.txt"


def copy(app: App[object], text: str, *, environ: Mapping[str, str] | None = None) -> str:
    """Copy a text to the terminal's clipboard, and keep it in a file of the user's alone.

    Args:
        app: whose terminal; the text is also what ``ctrl+v`` pastes in it.
        text: what to copy. At a megabyte it takes some milliseconds.
        environ: of the terminal; by default that of the app's.

    Returns:
        A sentence to show, saying what was done and what may stand in its way.
    """
    if environ is None:
        environ = getattr(app, "environ", os.environ)
    data = text.encode("utf-8", "replace")
    kept = _keep(data, Paths.of_user().state_dir / FILE_NAME)
    if len(data) > TERMINAL_LIMIT_BYTES:
        return f"{size_text(len(data))} is too long for a terminal's clipboard; {kept}"
    app.copy_to_clipboard(data.decode())
    if not environ.get("TMUX"):
        return f"Sent to your terminal's clipboard; {kept}"
    _write(app, _through_tmux(data))
    return (
        "Sent to the clipboard through tmux, which needs 'set-clipboard on' "
        f"or 'allow-passthrough on'; {kept}"
    )


def _through_tmux(data: bytes) -> str:
    """Give the request in an envelope that tmux hands on to the terminal around it."""
    request = f"\x1b\x1b]52;c;{base64.b64encode(data).decode()}\a"
    return f"\x1bPtmux;{request}\x1b\\"


def _write(app: App[object], sequence: str) -> None:
    driver = app._driver
    if driver is not None:  # gone while the app leaves
        driver.write(sequence)


def _keep(data: bytes, path: Path) -> str:
    """Write the file, readable by the user only; gives half a sentence."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with os.fdopen(os.open(path, flags, 0o600), "wb") as file:
            file.write(data)
    except OSError as error:
        return f"no file has it: {path.name}: {error.strerror}"
    return f"also in {_short(path)}"


def _short(path: Path) -> str:
    try:
        return f"~/{path.relative_to(Path.home())}"
    except ValueError:
        return str(path)
