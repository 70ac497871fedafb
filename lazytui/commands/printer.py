"""Prints the output of a run while it grows, without holding up the loop or piling it up."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.text import sanitize

if TYPE_CHECKING:
    from lazytui.commands.call import Call
    from lazytui.core.model import RunRecord

BLOCK = 1 << 20


class SpoolPrinter:
    """Prints the spool of a run from where it stopped the last time.

    Args:
        call: whose stdout it is.
        record: the run.
        prefixed: the host stands before each line.
    """

    def __init__(self, call: Call, record: RunRecord, *, prefixed: bool) -> None:
        self.run_id = record.run_id
        self._call = call
        self._path = Path(record.spool)
        self._prefix = f"{sanitize(record.host)}: " if prefixed else ""
        self._offset = 0

    async def print_new(self, *, whole_lines: bool) -> None:
        """Print what has come since.

        Args:
            whole_lines: what comes after the last line end waits for the next time.
        """
        while data := await asyncio.to_thread(self._next):
            kept = data.rfind(b"\n") + 1 if whole_lines else len(data)
            if not kept and len(data) == BLOCK:
                kept = len(data)  # a line longer than a block is shown in pieces
            if not kept:
                return
            self._call.write_output(data[:kept], prefix=self._prefix)
            self._offset += kept  # before the wait, in which this may be cancelled
            await self._call.drain()

    def _next(self) -> bytes:
        try:
            with self._path.open("rb") as spool:
                spool.seek(self._offset)
                return spool.read(BLOCK)
        except FileNotFoundError:
            return b""
