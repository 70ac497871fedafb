"""Where the lines of a growing file are, without holding the file.

The index keeps one number per block of 32 KiB: how many lines end before it (2 GB of output cost
half a megabyte). A line is found by a binary search and one look into its block, so a jump to
any line costs the same, and a line of any length is as cheap as a short one.
"""

from __future__ import annotations

import os
import re
import threading
from array import array
from bisect import bisect_left, bisect_right, insort
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LINE_CAP = 4096  # bytes of one line that are given out; the rest stays in the file
_BLOCK = 32 * 1024
_READ = 1024 * 1024  # bytes in memory at once while indexing
_KEPT_BLOCKS = 4  # a window of lines lies in one or two
_NEWLINE = re.compile(rb"\n")
_NEWLINE_OR_RETURN = re.compile(rb"\n|\r(?!\n)")


@dataclass(frozen=True, slots=True)
class RawLine:
    """One line without its line end.

    ``data`` is at most :data:`LINE_CAP` bytes, ``cut`` how many bytes follow that are not in it.
    Of a long line that goes back to its start (carriage returns of a progress bar) ``data`` is
    the latest state, and nothing is cut. ``start`` is where the line begins in the file.
    """

    data: bytes
    cut: int = 0
    start: int = field(default=0, compare=False)


class LineIndex:
    """The lines of one open file, as far as :meth:`extend` has looked.

    One thread may run :meth:`extend` while another reads. A file that was replaced or truncated
    needs a new index: see :meth:`is_outdated`. A deleted file stays readable.

    Args:
        path: the file.
        last_bytes: begin with the first line that starts in the last so many bytes, to show the
            end of a large file at once. If no line starts there, begin inside the last one.
        returns_end_lines: take each carriage return for the end of a line, so that every state
            of a progress bar is a line of its own.
        breaks: offsets before which a line ends in any case, as something else begins there.

    Raises:
        OSError: the file cannot be opened.
    """

    def __init__(
        self,
        path: Path,
        *,
        last_bytes: int | None = None,
        returns_end_lines: bool = False,
        breaks: Iterable[int] = (),
    ) -> None:
        self.path = path
        self.breaks = sorted(set(breaks))
        self._bare: set[int] = set()  # those of them that no line end stands before
        # A return ends a line unless a newline follows: that takes a look at one byte more.
        self.returns_end_lines = returns_end_lines
        self._line_end = _NEWLINE_OR_RETURN if returns_end_lines else _NEWLINE
        self._file = path.open("rb", buffering=0)
        self._fd = self._file.fileno()
        self._lock = threading.Lock()
        self._users = 0  # threads that read now
        self._closed = False
        self._kept: OrderedDict[int, tuple[int, array[int]]] = OrderedDict()
        self._before = array("Q")  # lines that end before each block
        self._ended = 0  # lines that end in what was indexed
        self._whole = True  # the last line has its newline
        self.start = self._first_start(last_bytes) if last_bytes is not None else 0
        self._end = self.start

    @property
    def end(self) -> int:
        """The byte offset up to which the file is indexed."""
        return self._end

    @property
    def line_count(self) -> int:
        """How many lines are known; one without its newline yet is a line."""
        with self._lock:
            return self._ended + (not self._whole)

    @property
    def is_unfinished(self) -> bool:
        """True while the last line has no newline: more of it may come."""
        return not self._whole

    def extend(self, max_bytes: int) -> bool:
        """Index the next piece of the file; blocks, so it is for a thread.

        Returns:
            True if there was more than ``max_bytes`` to index.

        Raises:
            OSError: the file cannot be read.
        """
        with self.held() as file:
            if file is None:
                return False
            size = os.fstat(file).st_size
            stop = min(size, self._end + max_bytes)
            while self._end < stop and self._index_up_to(stop):
                pass
            return stop < size

    @contextmanager
    def held(self) -> Iterator[int | None]:
        """Keep the file open while a thread reads from it: its descriptor; None once closed."""
        with self._lock:
            if not self._closed:
                self._users += 1
            file = None if self._closed else self._fd
        try:
            yield file
        finally:
            if file is not None:
                with self._lock:
                    self._users -= 1
                    if self._closed and not self._users:
                        self._file.close()

    def is_outdated(self) -> bool:
        """True if the path leads to another file now, or the file became shorter."""
        with self._lock:
            if self._closed:
                return True
            mine = os.fstat(self._fd)
        try:
            there = self.path.stat()
        except OSError:
            return False
        return (there.st_dev, there.st_ino) != (mine.st_dev, mine.st_ino) or (
            mine.st_size < self._end
        )

    def read(self, first: int, last: int) -> list[RawLine]:
        """Give the lines ``first`` up to, not including, ``last``; none once closed.

        Reads at most one block and :data:`LINE_CAP` bytes a line; mostly one block in all.

        Raises:
            OSError: the file cannot be read.
        """
        with self._lock:
            if self._closed:
                return []
            ended, end, whole = self._ended, self._end, self._whole
        last = min(last, ended + (not whole))
        lines = []
        begin = self._start_of(first, end) if first < last else end
        for number in range(first, last):
            following = self._start_of(number + 1, end) if number < ended else end
            has_end = number < ended and following not in self._bare
            lines.append(self._read_line(begin, following - begin - has_end))
            begin = following
        return lines

    def start_of(self, number: int) -> int:
        """The byte offset at which a line starts; the end of the index for one not known."""
        with self._lock:
            if self._closed or number > self._ended:
                return self._end
            end = self._end
        return self._start_of(number, end)

    def line_at(self, offset: int) -> int:
        """The number of the line that has the byte at ``offset``, which is indexed."""
        block, inside = divmod(offset - self.start, _BLOCK)
        if block >= len(self._before):
            return self._ended
        positions = self._newlines_in(block, self._end)
        return self._before[block] + bisect_left(positions, inside)

    def break_at(self, offset: int) -> bool:
        """End a line before ``offset`` in any case; not while a thread runs :meth:`extend`.

        Returns:
            False if a line that goes on there was indexed already: that takes a new index.
        """
        if offset <= self.start or offset in self.breaks:
            return True
        if offset <= self._end and not self._ends_line(offset):
            return False
        insort(self.breaks, offset)
        return True

    def next_break(self, offset: int) -> int | None:
        """The first place behind ``offset`` where a line ends without a line end."""
        behind = self.breaks[bisect_right(self.breaks, offset) :]
        return next((place for place in behind if place in self._bare), None)

    def _ends_line(self, offset: int) -> bool:
        with self.held() as file:
            data = os.pread(file, 2, offset - 1) if file is not None else b"\n"
        return self._line_end.match(data) is not None

    def close(self) -> None:
        """Close the file; whoever holds it ends first, without being waited for."""
        with self._lock:
            self._closed = True
            if not self._users:
                self._file.close()

    def _first_start(self, last_bytes: int) -> int:
        size = os.fstat(self._fd).st_size
        if size <= last_bytes:
            return 0
        tail = os.pread(self._fd, last_bytes, size - last_bytes)
        found = self._line_end.search(tail, 0, len(tail) - 1)
        return size - last_bytes + (found.end() if found else 0)

    def _index_up_to(self, stop: int) -> bool:
        """Index one read's worth, ending at a block's edge if it can; False at the file's end."""
        position = self._end - self.start
        size = min(stop - self._end, _READ - position % _BLOCK)
        data = os.pread(self._fd, size + self.returns_end_lines, self._end)
        size = min(size, len(data))
        if self.returns_end_lines and size == len(data) and data.endswith(b"\r"):
            size -= 1  # whether it ends a line is not known yet
        bare = self._bare_in(data, self._end, size)
        self._bare.update(self._end + last + 1 for last in bare)
        ended, before, done = self._ended, [], 0
        while done < size:
            room = min(_BLOCK - (position + done) % _BLOCK, size - done)
            if (position + done) % _BLOCK == 0:
                before.append(ended)
            ended += self._ends_in(data, done, done + room)
            ended += sum(done <= last < done + room for last in bare)
            done += room
        if size > 0:
            with self._lock:
                self._before.extend(before)
                self._ended = ended
                self._end += size
                self._whole = self._ends_in(data, size - 1, size) == 1 or size - 1 in bare
        return size > 0

    def _ends_in(self, data: bytes, begin: int, end: int) -> int:
        """How many lines end in a piece of ``data``."""
        count = data.count(b"\n", begin, end)
        if self.returns_end_lines:
            count += data.count(b"\r", begin, end) - data.count(b"\r\n", begin, end + 1)
        return count

    def _bare_in(self, data: bytes, at: int, size: int) -> list[int]:
        """Which of the first ``size`` bytes of data are the last of a line without a line end."""
        first, last = bisect_right(self.breaks, at), bisect_right(self.breaks, at + size)
        places = (offset - at - 1 for offset in self.breaks[first:last])
        return [place for place in places if not self._line_end.match(data, place)]

    def _start_of(self, number: int, end: int) -> int:
        """Where line ``number`` starts, at most the number of ended lines."""
        if number == 0:
            return self.start
        block = bisect_left(self._before, number) - 1
        positions = self._newlines_in(block, end)
        index = number - self._before[block] - 1
        if index >= len(positions):  # truncated since it was indexed
            return end
        return self.start + block * _BLOCK + positions[index] + 1

    def _newlines_in(self, block: int, end: int) -> array[int]:
        """Where in ``block`` newlines are, as far as it was indexed."""
        offset = self.start + block * _BLOCK
        size = min(_BLOCK, end - offset)
        known_size, positions = self._kept.get(block, (0, array("H")))
        if known_size < size:
            data = os.pread(self._fd, size + self.returns_end_lines, offset)
            found = (match.start() for match in self._line_end.finditer(data))
            positions = array("H", (position for position in found if position < size))
            if bare := self._bare_in(data, offset, size):
                positions = array("H", sorted({*positions, *bare}))
            self._kept[block] = (size, positions)
            if len(self._kept) > _KEPT_BLOCKS:
                self._kept.popitem(last=False)
        self._kept.move_to_end(block)
        return positions

    def _read_line(self, start: int, length: int) -> RawLine:
        if length <= LINE_CAP:
            data = os.pread(self._fd, max(0, length), start).removesuffix(b"\r")
            return RawLine(data, start=start)
        tail = os.pread(self._fd, LINE_CAP, start + length - LINE_CAP).removesuffix(b"\r")
        _, back, latest = tail.partition(b"\r")
        if back:
            return RawLine(latest, start=start)
        head = _whole_characters(os.pread(self._fd, LINE_CAP, start))
        return RawLine(head, length - len(head), start)


def _whole_characters(data: bytes) -> bytes:
    """Take off a UTF-8 character that the end of ``data`` cuts in two."""
    for back in range(1, min(4, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0xC0:
            needs = 2 + (byte >= 0xE0) + (byte >= 0xF0)
            return data[:-back] if needs > back else data
        if byte < 0x80:
            break
    return data
