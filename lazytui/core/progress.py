"""How far a run is, read from the end of its output.

Programs say it in three ways: a percentage (tqdm, pip, rsync), a count ``3/10``, and, meant for
us, a line ``LAZYTUI_STATUS: epoch 5/100``. Only the last bytes of the spool are looked at, for few
runs at once and seldom: progress is a comfort and may cost nothing.
"""

from __future__ import annotations

import asyncio
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Mapping

TAIL_BYTES = 4096
LINES = 8  # of the end, each state of a progress bar counted as one
AT_ONCE = 64  # spools that are read in one go
TEXT_CHARS = 200

_MARK = "LAZYTUI_STATUS:"
_LINE_END = re.compile(rb"[\r\n]+")
_PERCENT = re.compile(r"(?<![\w.,])(\d{1,3}(?:[.,]\d+)?)\s?%")
_COUNT = re.compile(r"(?<![\w./:-])(\d{1,12})\s?/\s?(\d{1,12})(?![\w/.-]|:\d)")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: a share (0 to 1) if it tells one, and its own words for it."""

    share: float | None
    text: str


def read_progress(tail: bytes) -> Progress | None:
    """Find the newest word on progress in the last bytes of an output.

    Words that are meant for us win over a percentage, and that over a count.

    Args:
        tail: the end of the output; what is before the last :data:`TAIL_BYTES` is not looked at.

    Returns:
        None when the output tells nothing of that kind.
    """
    pieces = [piece for piece in _LINE_END.split(tail[-TAIL_BYTES:]) if piece.strip()]
    lines = [sanitize(piece, max_chars=TAIL_BYTES) for piece in pieces]
    for line in reversed(lines):
        _, mark, text = line.partition(_MARK)
        if mark:
            return Progress(_share(text), text.strip()[:TEXT_CHARS])
    for line in reversed(lines[-LINES:]):
        share = _share(line)
        if share is not None:
            return Progress(share, f"{int(share * 100 + 1e-6)}%")
    return None


def _share(line: str) -> float | None:
    """Give the share that a line tells: its last percentage, else its last count."""
    for number in reversed(_PERCENT.findall(line)):
        percent = float(number.replace(",", "."))
        if percent <= 100:
            return percent / 100
    for done, total in reversed(_COUNT.findall(line)):
        if 0 < int(total) >= int(done):
            return int(done) / int(total)
    return None


class ProgressReader:
    """Knows the progress of runs whose spools grow.

    Call :meth:`grew` as often as output comes, and :meth:`read` about once a second.
    """

    def __init__(self) -> None:
        self._known: dict[str, Progress] = {}
        self._due: dict[str, str] = {}  # run to spool, those that wait longest first

    def of(self, run_id: str) -> Progress | None:
        """Give what is known of a run."""
        return self._known.get(run_id)

    def grew(self, run_id: str, spool: str) -> None:
        """Note that a run has new output; its spool is read when its turn comes."""
        self._due[run_id] = spool

    def keep(self, alive: Mapping[str, object]) -> None:
        """Forget all runs but these."""
        self._known = {run: known for run, known in self._known.items() if run in alive}
        self._due = {run: spool for run, spool in self._due.items() if run in alive}

    async def read(self) -> set[str]:
        """Read the spools whose turn it is; give the runs whose progress differs now."""
        turn = dict(list(self._due.items())[:AT_ONCE])
        for run_id in turn:
            del self._due[run_id]
        found = await asyncio.to_thread(_read_all, turn) if turn else {}
        changed = {run for run, progress in found.items() if progress != self._known.get(run)}
        self._known.update(found)
        return changed


def _read_all(spools: Mapping[str, str]) -> dict[str, Progress]:
    found = {}
    for run_id, spool in spools.items():
        progress = read_progress(_tail(spool))
        if progress is not None:  # a log line in between does not take back what was told
            found[run_id] = progress
    return found


def _tail(path: str) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""  # not begun, or forgotten meanwhile
    try:
        size = os.fstat(file).st_size
        return os.pread(file, TAIL_BYTES, max(0, size - TAIL_BYTES))
    except OSError:
        return b""
    finally:
        os.close(file)
