"""Spools: the raw output of each run as a file whose length is the offset to read on from.

One thread writes all of them, so that a slow or full disk never holds up the loop. Nothing is
dropped: what cannot be written stays in memory and is tried again, and what may be in memory
is bounded by the credit that hosts are given only for bytes that reached the file.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import threading
import time
from collections import OrderedDict, deque
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Self

from lazytui.errors import SpoolError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

_BLOCKS_AT_ONCE = 1024  # IOV_MAX of Linux and macOS
_OPEN_FILES = 128
_SUFFIXES = (".log", ".times")  # the output of a run, and when it arrived


@dataclass(slots=True)
class _Spool:
    """What is known of one run's spool; guarded by the lock of the writer."""

    written: int  # bytes in the file
    end: int  # bytes in the file and in the queue
    queue: deque[bytes | memoryview] = field(default_factory=deque)
    flushes: list[tuple[int, asyncio.Future[None]]] = field(default_factory=list)
    reopen: bool = False  # the path leads to another file than the open one


class SpoolWriter:
    """Writes the spools of all runs, as an async context manager.

    Args:
        folder: where the spools are; it exists.
        on_growth: called on the loop with run id, the new size of its spool in bytes, and how
            many of them are new. Calls are bundled: one for all that was written at once.
        on_trouble: called on the loop with what keeps spools from being written (once, not at
            every try), and with what is said when they can be written again.
        retry_s: seconds between two tries to write what could not be written.
    """

    def __init__(
        self,
        folder: Path,
        *,
        on_growth: Callable[[str, int, int], None],
        on_trouble: Callable[[str], None],
        retry_s: float = 1.0,
    ) -> None:
        self._folder = folder
        self._on_growth = on_growth
        self._on_trouble = on_trouble
        self._retry_s = retry_s
        self._spools: dict[str, _Spool] = {}
        self._due: dict[str, None] = {}  # runs with something to write, in order
        self._stuck: dict[str, None] = {}  # runs to try again at _retry_at
        self._retry_at = 0.0
        self._problem = ""  # the last reason why something could not be written
        self._trouble = ""  # what was told of it
        self._changed = threading.Condition()
        self._closing = False
        self._closed = False
        self._ended = asyncio.Event()
        self._files: OrderedDict[str, int] = OrderedDict()  # of the thread only
        self._thread = threading.Thread(target=self._serve, name="lazytui-spool", daemon=True)

    async def __aenter__(self) -> Self:
        """Start writing."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        return self

    async def __aexit__(self, *exc: object) -> None:
        """Stop writing; see :meth:`close`."""
        await self.close()

    async def close(self) -> None:
        """Write what is queued, then stop.

        What a full disk refuses to take now is given up: the spool is shorter then, and its
        length says where to read on. Whoever waits for a flush of it gets a SpoolError.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        await self._ended.wait()

    def path(self, run_id: str) -> Path:
        """Give the path of a run's spool."""
        return self._folder / f"{run_id}.log"

    def begin(self, run_id: str) -> None:
        """Say that a run was made just now, so that its spool is known to be empty."""
        with self._changed:
            self._spools.setdefault(run_id, _Spool(0, 0))

    async def size(self, run_id: str) -> int:
        """Write what is queued for a run, then give the length of its spool in bytes.

        That is the offset to read on from; 0 when there is no spool yet. Waits as long as the
        disk is full.
        """
        await self.flush(run_id)
        size = await asyncio.to_thread(_file_size, self.path(run_id))
        with self._changed:
            spool = self._spools.get(run_id)
            if spool is None:
                self._spools[run_id] = _Spool(size, size)
            elif not spool.queue and spool.written != size:  # somebody cut or removed the file
                spool.written = spool.end = size
                spool.reopen = True
        return size

    def write(self, run_id: str, offset: int, data: bytes) -> None:
        """Queue output of a run; never blocks.

        Args:
            run_id: the run; :meth:`begin` was called for it, or :meth:`size` was asked, before.
            offset: where in the spool the data belongs. What is there already is skipped.
            data: the output.

        Raises:
            SpoolError: bytes before ``offset`` are missing, or the writer is closed.
        """
        with self._changed:
            self._refuse_when_closed()
            spool = self._spools.get(run_id)
            end = spool.end if spool else 0
            if spool is None or offset > end:
                raise SpoolError(f"run {run_id}: output at byte {offset}, expected {end}")
            known = end - offset
            if known >= len(data):
                return
            spool.queue.append(data if known == 0 else data[known:])
            spool.end += len(data) - known
            if run_id not in self._stuck:
                self._due[run_id] = None
                self._changed.notify()

    def queued(self, run_id: str) -> int:
        """How many bytes of a run wait to be written."""
        with self._changed:
            spool = self._spools.get(run_id)
            return spool.end - spool.written if spool else 0

    async def flush(self, run_id: str) -> None:
        """Wait until everything queued for a run by now is in the file.

        Raises:
            SpoolError: the writer was closed before the disk took it.
        """
        with self._changed:
            spool = self._spools.get(run_id)
            if spool is None or spool.written == spool.end:
                return
            self._refuse_when_closed()
            done: asyncio.Future[None] = self._loop.create_future()
            spool.flushes.append((spool.end, done))
        await done

    def forget(self, run_id: str) -> None:
        """Drop what is kept in memory of a run that has ended and was flushed."""
        with self._changed:
            spool = self._spools.get(run_id)
            if spool is not None and not spool.queue:
                del self._spools[run_id]
                self._due[run_id] = None  # closes the file
                self._changed.notify()

    def _refuse_when_closed(self) -> None:
        if self._closed:
            raise SpoolError(f"output is no longer saved in {self._folder}: lazytui is ending")

    # --- on the thread ---

    def _serve(self) -> None:
        try:
            while self._serve_some():
                pass
        finally:
            self._end()

    def _serve_some(self) -> bool:
        """Wait for something to write and write it; False when closing and nothing is left."""
        with self._changed:
            if not (self._due or self._closing):
                wait = max(0.0, self._retry_at - time.monotonic()) if self._stuck else None
                self._changed.wait(wait)
            closing = self._closing
            if self._stuck and (closing or time.monotonic() >= self._retry_at):
                self._due.update(self._stuck)
                self._stuck.clear()
            due = [(run_id, self._spools.get(run_id)) for run_id in self._due]
            self._due.clear()
        grown: list[tuple[str, int, int]] = []
        for run_id, spool in due:
            if spool is None:
                self._close_file(run_id)
            elif count := self._write_some(run_id, spool):
                grown.append((run_id, spool.written, count))
        self._report(grown, [spool for _, spool in due if spool])
        return not closing or bool(self._due)

    def _write_some(self, run_id: str, spool: _Spool) -> int:
        """Write what a run has queued, in one call; give the number of bytes the disk took."""
        with self._changed:
            blocks = list(islice(spool.queue, _BLOCKS_AT_ONCE))
            if spool.reopen:
                self._close_file(run_id)
                spool.reopen = False
        if not blocks:
            return 0
        try:
            file = self._file(run_id)
            os.lseek(file, spool.written, os.SEEK_SET)
            count = os.writev(file, blocks)
        except OSError as error:
            self._set_aside(run_id, error)
            return 0
        with self._changed:
            spool.written += count
            _take(spool.queue, count)
            if spool.queue:
                self._due[run_id] = None  # after the others had their turn
        return count

    def _set_aside(self, run_id: str, error: OSError) -> None:
        """Try a run again later, whatever the reason: a full disk, a quota, a folder unmounted."""
        self._problem = f"output cannot be saved in {self._folder}: {error.strerror}; trying again"
        with self._changed:
            if not self._stuck:
                self._retry_at = time.monotonic() + self._retry_s
            self._stuck[run_id] = None
            self._due.pop(run_id, None)  # came in meanwhile

    def _report(self, grown: list[tuple[str, int, int]], spools: list[_Spool]) -> None:
        """Tell the loop what happened: growth first, so that a flush ends after it was told."""
        flushed: list[asyncio.Future[None]] = []
        with self._changed:
            for spool in spools:
                flushed += [future for end, future in spool.flushes if end <= spool.written]
                spool.flushes = [item for item in spool.flushes if item[0] > spool.written]
            trouble = self._problem if self._stuck else ""
        told = ""
        if trouble != self._trouble:
            told = trouble or f"output is saved in {self._folder} again"
            self._trouble = trouble
        if grown or told or flushed:
            self._on_loop(self._tell, grown, told, flushed)

    def _file(self, run_id: str) -> int:
        file = self._files.pop(run_id, None)
        if file is None:
            if len(self._files) >= _OPEN_FILES:
                os.close(self._files.popitem(last=False)[1])
            flags = os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
            file = os.open(self.path(run_id), flags, 0o600)
        self._files[run_id] = file
        return file

    def _close_file(self, run_id: str) -> None:
        file = self._files.pop(run_id, None)
        if file is not None:
            os.close(file)

    def _end(self) -> None:
        for run_id in list(self._files):
            self._close_file(run_id)
        with self._changed:
            self._closed = True
            waiting = [future for spool in self._spools.values() for _, future in spool.flushes]
        for future in waiting:
            self._on_loop(_fail, future, SpoolError(self._problem))
        self._on_loop(self._ended.set)

    def _on_loop(self, call: Callable[..., None], *arguments: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(call, *arguments)

    # --- on the loop ---

    def _tell(
        self, grown: list[tuple[str, int, int]], told: str, flushed: list[asyncio.Future[None]]
    ) -> None:
        try:
            for run_id, size, new in grown:
                self._on_growth(run_id, size, new)
            if told:
                self._on_trouble(told)
        finally:
            for future in flushed:
                if not future.done():  # whoever waited may have been cancelled
                    future.set_result(None)


async def remove_spools(folder: Path, run_ids: Sequence[str]) -> None:
    """Remove the spools of runs that have ended, and what lies beside them.

    Raises:
        SpoolError: a file is there still.
    """
    try:
        await asyncio.to_thread(_remove, folder, run_ids)
    except OSError as error:
        raise SpoolError(f"output in {folder} cannot be removed: {error.strerror}") from error


def _remove(folder: Path, run_ids: Sequence[str]) -> None:
    for run_id in run_ids:
        for suffix in _SUFFIXES:
            (folder / f"{run_id}{suffix}").unlink(missing_ok=True)
        shutil.rmtree(folder / f"{run_id}.returns", ignore_errors=True)


def _fail(future: asyncio.Future[None], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def _take(queue: deque[bytes | memoryview], count: int) -> None:
    """Take ``count`` bytes off the front of a queue, a part of a block if it must be."""
    while count:
        block = queue.popleft()
        if len(block) > count:
            queue.appendleft(memoryview(block)[count:])
            return
        count -= len(block)


def _file_size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
