"""The pickled functions of tasks, on the manager: one file each, named by its content.

The journal names them by their digest. So a function that is sent a thousand times is kept once,
and the journal stays small.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from typing import TYPE_CHECKING

from lazytui.core.step import FunctionSpec
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from lazytui.core.step import Step

SUFFIX = ".function"


class Payloads:
    """The pickled functions in a folder. Everything blocks.

    Args:
        folder: that of the spools.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def has(self, steps: Iterable[Step]) -> bool:
        """Whether all functions among some steps are kept. Quick enough for the event loop."""
        return all(
            self._path(step.digest).exists() for step in steps if isinstance(step, FunctionSpec)
        )

    def keep(self, steps: Iterable[Step]) -> None:
        """Keep what the functions among some steps are made of.

        Raises:
            UsageError: one has nothing to it, or there is no room.
        """
        for step in steps:
            if isinstance(step, FunctionSpec) and not self._path(step.digest).exists():
                if step.payload is None:
                    raise UsageError(f"{step.title} is not kept any more: make the task again")
                self._write(step)

    def read(self, step: FunctionSpec) -> bytes:
        """Give what a function is made of.

        Raises:
            UsageError: it is not here any more, or damaged.
        """
        if step.payload is not None:
            return step.payload
        try:
            data = self._path(step.digest).read_bytes()
        except OSError as error:
            text = f"{step.title} is not kept any more ({error.strerror}): make the task again"
            raise UsageError(text) from error
        if hashlib.sha256(data).hexdigest() != step.digest:
            raise UsageError(f"{step.title} is damaged here on the disk: make the task again")
        return data

    def remove(self, digests: Iterable[str]) -> None:
        """Forget functions that no task has any more."""
        for digest in digests:
            self._path(digest).unlink(missing_ok=True)

    def _path(self, digest: str) -> Path:
        return self._folder / f"{digest}{SUFFIX}"

    def _write(self, step: FunctionSpec) -> None:
        assert step.payload is not None
        part = self._folder / f"{step.digest}.{secrets.token_hex(4)}.part"
        try:
            with open(part, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
                file.write(step.payload)
            part.replace(self._path(step.digest))
        except OSError as error:
            part.unlink(missing_ok=True)
            raise UsageError(f"{step.title} cannot be kept: {error.strerror}") from error
