"""What functions returned, on the manager: one file a step beside the run's spool.

A file begins with a line that says ``ok`` or ``error``. Then comes the pickle as the host made it,
or what was raised as JSON. Nothing is unpickled before somebody asks for the value.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lazytui.core.step import FunctionSpec
from lazytui.errors import FunctionError, UntrustedReturnError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.model import RunRecord
    from lazytui.core.step import Step

SUFFIX = ".returns"
SMALL = 16384  # bytes that are read on the event loop
_OK = b"ok\n"
_ERROR = b"error\n"


@dataclass(frozen=True, slots=True)
class Raised:
    """What a function raised on its host; all of it is made harmless."""

    kind: str
    message: str
    traceback: str

    @property
    def line(self) -> str:
        """In one line, as Python ends a traceback."""
        first = self.message.strip().partition("\n")[0]
        return f"{self.kind}: {first}" if first else self.kind


def return_path(spool: str, step: int) -> Path:
    """Give the file for what a step returned.

    Args:
        spool: path of the run's spool.
        step: index of the step.
    """
    return Path(spool).with_suffix(SUFFIX) / str(step)


def keep(path: Path, data: bytes) -> None:
    """Keep what a step returned, whole or not at all. Blocks.

    Raises:
        OSError: there is no room.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with open(part, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as target:
        target.write(data)
    part.replace(path)


def raised(data: bytes) -> Raised | None:
    """Read what a function raised; None when it returned."""
    if not data.startswith(_ERROR):
        return None
    try:
        found = json.loads(data[len(_ERROR) :])
        return Raised(
            sanitize(str(found["type"]), max_chars=200),
            sanitize(str(found["message"]), max_chars=4000),
            str(found["traceback"])[:65536],
        )
    except (ValueError, KeyError, TypeError):
        return Raised("error", "what it raised cannot be read", "")


def value(path: Path, *, host: str, trusted: bool) -> Any:
    """Give what a function returned. Blocks.

    Args:
        path: of the file.
        host: where it ran.
        trusted: see :func:`lazytui.core.unpickle.read`.

    Raises:
        FunctionError: it raised, or did not return.
        UntrustedReturnError: it returned more than plain data.
    """
    from lazytui.core import unpickle

    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise FunctionError(f"the function on {host} did not return", "") from None
    if (problem := raised(data)) is not None:
        raise FunctionError(f"the function on {host} raised {problem.line}", problem.traceback)
    if not data.startswith(_OK):
        raise UntrustedReturnError(f"what {host} returned cannot be read: it is damaged")
    return unpickle.read(memoryview(data)[len(_OK) :], host=host, trusted=trusted)


async def values(record: RunRecord, steps: Sequence[Step], *, trusted: bool = False) -> list[Any]:
    """Give what the functions of a run returned, in the order of their steps.

    Args:
        record: the run; it has ended.
        steps: of its task.
        trusted: whether its host may return anything.

    Raises:
        FunctionError: one raised, or did not return.
        UntrustedReturnError: one returned more than plain data.
    """
    paths = [
        return_path(record.spool, index)
        for index, step in enumerate(steps)
        if isinstance(step, FunctionSpec)
    ]
    found = []
    for path in paths:
        read = functools.partial(value, path, host=record.host, trusted=trusted)
        # A thread costs more than a few kilobytes do.
        found.append(read() if _is_small(path) else await asyncio.to_thread(read))
    return found


def _is_small(path: Path) -> bool:
    try:
        return path.stat().st_size <= SMALL
    except OSError:
        return True  # to be told by whoever reads it
