"""When output arrived: a small file beside each spool, ``<run>.times``.

It holds pairs of an offset and a time: what is before the offset had arrived by then. At most
ten pairs a second are written, fewer the longer a run lasts, so that it never passes 4 MiB. It
is a comfort only: without it, or with nonsense in it, output is shown without times.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import struct
import time
from array import array
from bisect import bisect_right
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

log = logging.getLogger(__name__)

RECORD = struct.Struct("<QQ")  # offset in bytes, epoch in milliseconds
MAX_RECORDS = 4 * 1024 * 1024 // RECORD.size
_WRITE_EVERY_S = 0.1
# Seconds between two records, by how many there are: 3 hours, then a day, then two weeks.
_PACES = ((100_000, 0.0), (200_000, 1.0), (MAX_RECORDS, 20.0))
_LATEST_MS = 2**43  # the year 2248: what is later is nonsense
_KEPT_RUNS = 1024
_SEEN_PIECES = 64  # some seconds of growth, which the file has in less than one


def times_path(spool: Path) -> Path:
    """The file with the arrival times of a spool."""
    return spool.with_suffix(".times")


@dataclass(slots=True)
class _Written:
    """What is known of one file: its records, and when the last one was made."""

    records: int
    at: float


class ArrivalWriter:
    """Writes down when output of runs arrived, as an async context manager.

    Args:
        folder: where the spools are.
        clock: seconds since the epoch.
    """

    def __init__(self, folder: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._folder = folder
        self._clock = clock
        self._due: dict[str, tuple[int, float]] = {}
        self._written: dict[str, _Written] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        """Start writing."""
        self._task = asyncio.create_task(self._serve(), name="arrival times")
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Write what is due, then stop."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
        for written in self._written.values():
            written.at = 0.0  # nothing is too early any more
        await asyncio.to_thread(self._write, self._take())

    def note(self, run_id: str, size: int) -> None:
        """Take notice that a spool has ``size`` bytes now; never blocks."""
        self._due[run_id] = (size, self._clock())
        self._wake.set()

    async def _serve(self) -> None:
        while True:
            if self._due:  # too early a moment ago
                await asyncio.sleep(1.0)
            else:
                await self._wake.wait()
                await asyncio.sleep(_WRITE_EVERY_S)
            self._wake.clear()
            early = await asyncio.to_thread(self._write, self._take())
            self._due = {**early, **self._due}

    def _take(self) -> dict[str, tuple[int, float]]:
        due, self._due = self._due, {}
        return due

    def _write(self, due: dict[str, tuple[int, float]]) -> dict[str, tuple[int, float]]:
        """Write what is due; give what is too early, by the pace of its file."""
        early = {}
        for run_id, (size, at) in due.items():
            try:
                if not self._append(run_id, size, at):
                    early[run_id] = (size, at)
            except OSError as error:  # a full disk is told by the spool already
                log.debug("times of run %s: %s", run_id, error)
                self._written.pop(run_id, None)
        return early

    def _append(self, run_id: str, size: int, at: float) -> bool:
        spool = self._folder / f"{run_id}.log"
        if not spool.exists():
            return True  # forgotten meanwhile
        path = times_path(spool)
        written = self._written.pop(run_id, None) or _Written(_whole_records(path), 0.0)
        while len(self._written) >= _KEPT_RUNS:
            del self._written[next(iter(self._written))]
        self._written[run_id] = written
        if written.records >= MAX_RECORDS:
            return True  # given up
        if 0 < at - written.at < _pace(written.records):
            return False
        flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(path, flags, 0o600)
        try:
            # At its own place, not at the end: half a record of a crash is written over.
            os.pwrite(file, RECORD.pack(size, int(at * 1000)), written.records * RECORD.size)
        finally:
            os.close(file)
        written.records += 1
        written.at = at
        return True


def _whole_records(path: Path) -> int:
    try:
        return path.stat().st_size // RECORD.size
    except FileNotFoundError:
        return 0


def _pace(records: int) -> float:
    return next((pace for limit, pace in _PACES if records < limit), 0.0)


class ArrivalTimes:
    """Tells when a byte of a spool arrived.

    Args:
        path: the file of times; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = 0  # bytes
        self._offsets, self._ms = array("Q"), array("Q")
        self._seen: deque[tuple[int, int, float]] = deque(maxlen=_SEEN_PIECES)

    def saw(self, begin: int, end: int, at: float) -> None:
        """Take notice that bytes came just now: the file has them a moment later."""
        if begin < end:
            self._seen.append((begin, end, at))

    def refresh(self) -> None:
        """Read what is new. A file that cannot be read has no times."""
        with contextlib.suppress(OSError), self._path.open("rb") as file:
            size = min(os.fstat(file.fileno()).st_size, MAX_RECORDS * RECORD.size)
            size -= size % RECORD.size
            if size < self._read:  # another file
                self._read = 0
                self._offsets, self._ms = array("Q"), array("Q")
            file.seek(self._read)
            data = file.read(size - self._read)
            self._read += len(data) - len(data) % RECORD.size
            self._take(data[: len(data) - len(data) % RECORD.size])

    def at(self, offset: int) -> float | None:
        """When the byte at ``offset`` had arrived, in seconds since the epoch, if it is known."""
        after = bisect_right(self._offsets, offset)
        if after < len(self._ms):
            return self._ms[after] / 1000
        return next((at for begin, end, at in self._seen if begin <= offset < end), None)

    def _take(self, data: bytes) -> None:
        """Keep the records that can be: offsets and times only ever grow."""
        for offset, ms in RECORD.iter_unpack(data):
            last_offset = self._offsets[-1] if self._offsets else 0
            last_ms = self._ms[-1] if self._ms else 0
            if offset > last_offset and last_ms <= ms < _LATEST_MS:
                self._offsets.append(offset)
                self._ms.append(ms)
