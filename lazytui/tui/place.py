"""Where the user of a terminal is: the folder that relative paths are meant from."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from textual.app import App


class HasPlace(Protocol):
    """An app that knows where its user is."""

    folder: Path


def path_meant(app: App[object], text: str) -> Path:
    """Give the path a user means: absolute, from the folder of their shell; ``~`` is the home."""
    path = Path(text.strip().replace("\0", ""))
    with contextlib.suppress(RuntimeError):  # ~somebody who is not there
        path = path.expanduser()
    return cast("HasPlace", app).folder / path
