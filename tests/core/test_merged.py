"""Merged lines: all outputs of a task in the order in which they came."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

from lazytui.core.lines import LINE_CAP
from lazytui.core.merged import MAX_BYTES, MergedLines, Part, look, read_line

if TYPE_CHECKING:
    from pathlib import Path


class Task:
    """Spools, and the lines that were found in them so far."""

    def __init__(self, folder: Path, max_lines: int = 1000) -> None:
        self._folder = folder
        self._ends: dict[int, int] = {}
        self.lines = MergedLines(max_lines)

    def path(self, source: int) -> Path:
        return self._folder / f"{source}.log"

    def write(self, source: int, data: bytes) -> None:
        with self.path(source).open("ab") as file:
            file.write(data)

    def came(self, source: int, *pairs: tuple[int, int]) -> None:
        data = b"".join(struct.pack("<QQ", offset, ms) for offset, ms in pairs)
        self.path(source).with_suffix(".times").write_bytes(data)

    def look(self, *sources: int, is_over: bool = False) -> None:
        parts = [Part(s, self.path(s), self._ends.get(s, 0), is_over) for s in sources]
        found = look(parts)
        self._ends.update({some.source: some.end for some in found})
        self.lines.add(found)

    def text(self) -> list[tuple[int, bytes]]:
        found = [self.lines.line(number) for number in range(len(self.lines))]
        return [(source, read_line(self.path(source), a, b).data) for source, a, b in found]


@pytest.fixture
def task(tmp_path: Path) -> Task:
    return Task(tmp_path)


def test_lines_stand_in_the_order_in_which_they_came(task: Task) -> None:
    task.write(0, b"a1\n")
    task.look(0)
    task.write(1, b"b1\r\n")
    task.look(1)
    task.write(0, b"a2\n")
    task.look(0, 1)

    assert task.text() == [(0, b"a1"), (1, b"b1"), (0, b"a2")]


def test_lines_that_came_earlier_are_ordered_by_their_times(task: Task) -> None:
    task.write(0, b"a1\na2\na3\n")
    task.came(0, (3, 1000), (9, 3000))
    task.write(1, b"b1\nb2\n")
    task.came(1, (6, 2000))

    task.look(0, 1)

    assert task.text() == [(0, b"a1"), (1, b"b1"), (1, b"b2"), (0, b"a2"), (0, b"a3")]


def test_a_line_counts_once_it_has_ended(task: Task) -> None:
    task.write(0, b"half")
    task.look(0)
    assert task.text() == []

    task.write(0, b" and whole\nrest")
    task.look(0)
    assert task.text() == [(0, b"half and whole")]

    task.look(0, is_over=True)
    task.look(0, is_over=True)
    assert task.text() == [(0, b"half and whole"), (0, b"rest")]


def test_an_output_that_runs_ahead_is_taken_from_its_end(task: Task) -> None:
    task.write(0, b"x" * 99 + b"\n")
    task.look(0)
    with task.path(0).open("ab") as file:
        file.truncate(10 * MAX_BYTES)
    task.write(0, b"\nend\n")

    task.look(0)

    assert task.text() == [(0, b"x" * 99), (0, b"end")]
    assert task.lines.skipped_bytes > 9 * MAX_BYTES


def test_the_oldest_lines_go_when_there_are_too_many(tmp_path: Path) -> None:
    task = Task(tmp_path, max_lines=100)
    for number in range(500):
        task.write(0, b"%d\n" % number)
        task.look(0)

    lines = task.text()
    assert 100 <= len(lines) <= 110
    assert lines[-1] == (0, b"499")
    assert task.lines.dropped + len(lines) == 500


def test_a_spool_that_is_missing_has_no_lines_yet(task: Task) -> None:
    task.look(0)
    assert task.text() == []

    task.write(0, b"now\n")
    task.look(0)
    assert task.text() == [(0, b"now")]


def test_a_long_line_is_read_as_far_as_a_screen_shows_it(task: Task) -> None:
    task.write(0, b"x" * 1_000_000 + b"\n")
    task.look(0)

    source, start, length = task.lines.line(0)
    line = read_line(task.path(source), start, length)

    assert (len(line.data), line.cut) == (LINE_CAP, 1_000_000 - LINE_CAP)
