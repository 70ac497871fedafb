"""The lines of many outputs in the order in which they came, without holding their text.

The index keeps 16 bytes a line: whose it is, where it starts, how long it is. It is bounded, and
so is what is looked at: of an output that runs ahead, only the end is taken.
"""

from __future__ import annotations

import os
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.core.arrivals import ArrivalTimes, times_path
from lazytui.core.lines import LINE_CAP, RawLine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

MAX_LINES = 200_000
MAX_BYTES = 8 * 1024 * 1024  # of all outputs together that are looked at in one go
_LEAST_BYTES = 16 * 1024  # of one output, however many there are


@dataclass(frozen=True, slots=True)
class Part:
    """Some of one output that was not looked at yet.

    Args:
        source: the place of the run in the task.
        path: its spool.
        begin: where the part begins.
        is_over: nothing follows: the last line is one even without its newline.
    """

    source: int
    path: Path
    begin: int
    is_over: bool


@dataclass(frozen=True, slots=True)
class Found:
    """The lines of a part.

    Args:
        source: the place of the run in the task.
        end: where to look on.
        skipped: bytes at the begin that were left out because there was too much.
        starts: where each line starts.
        lengths: the bytes of each line without its newline.
        times: when each arrived, in epoch seconds; 0 where that is not known.
    """

    source: int
    end: int
    skipped: int
    starts: array[int]
    lengths: array[int]
    times: array[float]


def look(parts: Sequence[Part]) -> list[Found]:
    """Find the lines of parts; for a thread. What cannot be read has none for now."""
    room = max(_LEAST_BYTES, MAX_BYTES // max(1, len(parts)))
    found = []
    for part in parts:
        try:
            found.append(_look(part, room))
        except OSError:
            continue
    return found


def _look(part: Part, room: int) -> Found:
    with part.path.open("rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        begin = max(part.begin, size - room)
        data = os.pread(file.fileno(), max(0, size - begin), begin)
    at = 0
    if begin > part.begin:
        at = data.find(b"\n") + 1 or len(data)  # a line whose start was left out is left out
    skipped = begin + at - part.begin
    starts, lengths = array("Q"), array("L")
    while (newline := data.find(b"\n", at)) >= 0:
        starts.append(begin + at)
        lengths.append(newline - at)
        at = newline + 1
    if part.is_over and at < len(data):
        starts.append(begin + at)
        lengths.append(len(data) - at)
        at = len(data)
    times = ArrivalTimes(times_path(part.path))
    times.refresh()
    arrived = array("d", (times.at(start) or 0.0 for start in starts))
    return Found(part.source, begin + at, skipped, starts, lengths, arrived)


class MergedLines:
    """The newest lines of all runs of a task.

    Args:
        max_lines: how many are kept; the oldest go first.
    """

    def __init__(self, max_lines: int = MAX_LINES) -> None:
        self._max_lines = max_lines
        self._sources = array("L")
        self._starts = array("Q")
        self._lengths = array("L")
        self.dropped = 0
        """How many lines went to make room."""
        self.skipped_bytes = 0
        """How many bytes were never looked at because there was too much."""

    def __len__(self) -> int:
        return len(self._starts)

    def add(self, found: Iterable[Found]) -> int:
        """Add lines, by the time they arrived where it is known; give how many went for them."""
        lines: list[tuple[float, int, int, int]] = []
        for some in found:
            self.skipped_bytes += some.skipped
            latest = 0.0
            for start, length, time in zip(some.starts, some.lengths, some.times, strict=True):
                latest = max(latest, time)  # a line without a time came with the one before it
                lines.append((latest, some.source, start, length))
        lines.sort()
        for _, source, start, length in lines:
            self._sources.append(source)
            self._starts.append(start)
            self._lengths.append(length)
        return self._make_room()

    def line(self, number: int) -> tuple[int, int, int]:
        """Give the source of a line, where it starts, and how many bytes it has."""
        return self._sources[number], self._starts[number], self._lengths[number]

    def _make_room(self) -> int:
        # A tenth at a time: moving the rest of the arrays for each line would take longer.
        if len(self) <= self._max_lines * 1.1:
            return 0
        going = len(self) - self._max_lines
        for numbers in (self._sources, self._starts, self._lengths):
            del numbers[:going]
        self.dropped += going
        return going


def read_line(path: Path, start: int, length: int) -> RawLine:
    """Read one line of a spool as far as a screen can show it; empty when it is gone."""
    try:
        with path.open("rb", buffering=0) as file:
            data = os.pread(file.fileno(), min(length, LINE_CAP), start)
    except OSError:
        data = b""
    return RawLine(data.removesuffix(b"\r"), max(0, length - LINE_CAP), start)
