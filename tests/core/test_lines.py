"""The line index finds every line of a growing file, with little memory and few reads."""

from __future__ import annotations

import os
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lazytui.core.lines import LINE_CAP, LineIndex, RawLine

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

ALL = 2**62


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


@pytest.fixture
def index_of(path: Path) -> Iterator[Callable[[bytes], LineIndex]]:
    """Write a file and index all of it."""
    opened: list[LineIndex] = []

    def make(data: bytes) -> LineIndex:
        path.write_bytes(data)
        index = LineIndex(path)
        opened.append(index)
        index.extend(ALL)
        return index

    yield make
    for index in opened:
        index.close()


@pytest.fixture
def bytes_read(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of all reads from here on."""
    sizes: list[int] = []
    pread = os.pread

    def counting(fd: int, size: int, offset: int) -> bytes:
        data = pread(fd, size, offset)
        sizes.append(len(data))
        return data

    monkeypatch.setattr(os, "pread", counting)
    return sizes


def texts(lines: list[RawLine]) -> list[bytes]:
    return [line.data for line in lines]


@given(
    data=st.lists(st.sampled_from([b"\n", b"ab", b"\r\n", b"\xff\x00", b"x" * 9000])).map(b"".join),
    pieces=st.lists(st.integers(1, 20_000), max_size=6),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_indexing_in_any_pieces_finds_the_same_lines_as_splitting(
    path: Path, data: bytes, pieces: list[int]
) -> None:
    path.write_bytes(data)
    with closing(LineIndex(path)) as index:
        for piece in pieces:
            index.extend(piece)
        index.extend(ALL)

        lines = index.read(0, index.line_count)

    wanted = data.split(b"\n")
    if wanted[-1] == b"":
        wanted.pop()
    wanted = [line.removesuffix(b"\r") for line in wanted]
    assert texts(lines) == [line[:LINE_CAP] for line in wanted]


def test_lines_across_block_edges_are_whole(index_of: Callable[[bytes], LineIndex]) -> None:
    wanted = [b"line %d %s" % (n, b"." * (n % 150)) for n in range(5000)]

    index = index_of(b"\n".join(wanted) + b"\n")

    assert index.line_count == 5000
    assert texts(index.read(0, 5000)) == wanted
    assert texts(index.read(4321, 4323)) == wanted[4321:4323]


def test_an_empty_file_has_no_lines(index_of: Callable[[bytes], LineIndex]) -> None:
    index = index_of(b"")

    assert index.line_count == 0
    assert index.read(0, 10) == []


def test_a_missing_file_cannot_be_opened(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        LineIndex(path)


def test_asking_for_more_lines_than_there_are_gives_those_there_are(
    index_of: Callable[[bytes], LineIndex],
) -> None:
    index = index_of(b"a\nb\n")

    assert texts(index.read(1, 99)) == [b"b"]
    assert index.read(7, 99) == []


def test_a_line_without_its_newline_is_a_line_that_may_grow(
    path: Path, index_of: Callable[[bytes], LineIndex]
) -> None:
    index = index_of(b"a\nb")
    assert index.is_unfinished
    assert texts(index.read(0, 9)) == [b"a", b"b"]

    with path.open("ab") as file:
        file.write(b"c\nd\n")
    index.extend(ALL)

    assert not index.is_unfinished
    assert texts(index.read(0, 9)) == [b"a", b"bc", b"d"]


def test_a_piece_ends_at_its_limit_and_says_that_there_is_more(path: Path) -> None:
    path.write_bytes(b"0123456789\n" * 10)
    with closing(LineIndex(path)) as index:
        assert index.extend(50)
        assert index.end == 50
        assert not index.extend(60)
        assert index.line_count == 10


def test_a_long_line_is_cut_and_its_rest_counted(index_of: Callable[[bytes], LineIndex]) -> None:
    index = index_of(b"before\n" + b"x" * 100_000 + b"\nafter\n")

    before, long, after = index.read(0, 3)

    assert before == RawLine(b"before")
    assert long == RawLine(b"x" * LINE_CAP, cut=100_000 - LINE_CAP)
    assert after == RawLine(b"after")


def test_a_character_of_several_bytes_is_not_cut_in_two(
    index_of: Callable[[bytes], LineIndex],
) -> None:
    index = index_of(b"x" + "日".encode() * 5000)

    (line,) = index.read(0, 1)

    assert line.data.decode() == "x" + "日" * ((LINE_CAP - 1) // 3)
    assert len(line.data) + line.cut == 15_001


def test_invalid_utf8_is_cut_all_the_same(index_of: Callable[[bytes], LineIndex]) -> None:
    index = index_of(b"\x80" * 5000)

    assert len(index.read(0, 1)[0].data) == LINE_CAP


def test_of_a_long_progress_line_the_latest_state_is_given(
    index_of: Callable[[bytes], LineIndex],
) -> None:
    index = index_of(b"".join(b"\r%6d of 100000" % n for n in range(100_000)))

    (line,) = index.read(0, 1)

    assert line.data.endswith(b"\r 99999 of 100000")
    assert line.cut == 0


def test_a_line_of_fifty_megabytes_costs_a_few_kilobytes(
    index_of: Callable[[bytes], LineIndex], bytes_read: list[int]
) -> None:
    index = index_of(b"first\n" + b"x" * 50_000_000 + b"\nlast")
    assert max(bytes_read) <= 1024 * 1024
    bytes_read.clear()

    first, long, last = index.read(0, 3)

    assert (first.data, last.data) == (b"first", b"last")
    assert long.cut == 50_000_000 - LINE_CAP
    assert sum(bytes_read) < 128 * 1024


def test_any_window_of_a_large_file_costs_few_reads(
    index_of: Callable[[bytes], LineIndex], bytes_read: list[int]
) -> None:
    index = index_of(b"".join(b"line %d\n" % n for n in range(1_000_000)))
    bytes_read.clear()

    assert texts(index.read(765_432, 765_434)) == [b"line 765432", b"line 765433"]

    assert sum(bytes_read) < 100 * 1024


def test_the_end_of_a_large_file_is_there_at_once(path: Path, bytes_read: list[int]) -> None:
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(1_000_000)))

    with closing(LineIndex(path, last_bytes=10_000)) as tail:
        tail.extend(ALL)
        last = tail.read(tail.line_count - 1, tail.line_count)

        assert texts(last) == [b"line 999999"]
        assert sum(bytes_read) < 100 * 1024


def test_the_lines_of_the_end_have_their_numbers_in_the_whole(path: Path) -> None:
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(100_000)))
    with closing(LineIndex(path)) as whole, closing(LineIndex(path, last_bytes=10_000)) as tail:
        whole.extend(ALL)
        tail.extend(ALL)

        number = whole.line_at(tail.start)

        assert texts(whole.read(number, number + 1)) == texts(tail.read(0, 1))
        assert number + tail.line_count == whole.line_count == 100_000


@given(data=st.lists(st.sampled_from([b"\n", b"abc", b"x" * 40_000])).map(b"".join), at=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_the_line_of_any_offset_is_the_number_of_newlines_before_it(
    path: Path, data: bytes, at: st.DataObject
) -> None:
    path.write_bytes(data)
    offset = at.draw(st.integers(0, len(data)))
    with closing(LineIndex(path)) as index:
        index.extend(ALL)

        assert index.line_at(offset) == data.count(b"\n", 0, offset)


def test_the_end_inside_one_endless_line_begins_in_the_middle_of_it(path: Path) -> None:
    path.write_bytes(b"x" * 1000 + b"\n")

    with closing(LineIndex(path, last_bytes=100)) as tail:
        tail.extend(ALL)

        assert texts(tail.read(0, 9)) == [b"x" * 99]


def test_a_truncated_file_is_outdated_and_reads_without_an_error(
    path: Path, index_of: Callable[[bytes], LineIndex]
) -> None:
    index = index_of(b"line\n" * 100_000)
    assert not index.is_outdated()

    path.write_bytes(b"new\n")

    assert index.is_outdated()
    assert len(index.read(50_000, 50_010)) == 10


def test_a_replaced_file_is_outdated(path: Path, index_of: Callable[[bytes], LineIndex]) -> None:
    index = index_of(b"old\n")

    other = path.with_suffix(".new")
    other.write_bytes(b"longer than the old one\n")
    other.replace(path)

    assert index.is_outdated()


def test_a_deleted_file_stays_readable(path: Path, index_of: Callable[[bytes], LineIndex]) -> None:
    index = index_of(b"kept\n")

    path.unlink()

    assert not index.is_outdated()
    assert texts(index.read(0, 1)) == [b"kept"]


def test_a_closed_index_reads_nothing_more(index_of: Callable[[bytes], LineIndex]) -> None:
    index = index_of(b"a\n")

    index.close()

    assert index.extend(ALL) is False
    assert index.read(0, 1) == []
    assert index.is_outdated()


def test_closing_while_a_piece_is_indexed_lets_it_end_first(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(b"a\n" * 1_000_000)
    index = LineIndex(path)
    pread = os.pread

    def close_in_the_middle(fd: int, size: int, offset: int) -> bytes:
        index.close()
        return pread(fd, size, offset)

    monkeypatch.setattr(os, "pread", close_in_the_middle)

    index.extend(ALL)  # every read after the close still finds the file open

    assert index.end == 2_000_000
    assert index.extend(ALL) is False


def test_two_indexes_of_one_file_do_not_meet(
    path: Path, index_of: Callable[[bytes], LineIndex]
) -> None:
    index = index_of(b"a\nb\n")

    with closing(LineIndex(path)) as other:
        other.extend(2)

        assert (other.line_count, index.line_count) == (1, 2)


# --- lines that end where something else begins ------------------------------------------------


def by_breaks(data: bytes, breaks: list[int]) -> list[bytes]:
    """What the lines of a file are, told simply: cut at the breaks, then at the line ends."""
    edges = [0, *sorted({place for place in breaks if 0 < place < len(data)}), len(data)]
    return [
        line
        for begin, end in pairwise(edges)
        for line in data[begin:end].removesuffix(b"\n").split(b"\n")
        if begin < end
    ]


@given(
    data=st.lists(st.sampled_from([b"a", b"bc", b"\n", b"x" * 40_000]), max_size=12).map(b"".join),
    places=st.lists(st.integers(0, 200_000), max_size=4),
    step=st.sampled_from([7, 40_000, 1 << 20]),
)
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_line_ends_before_every_break(
    path: Path, data: bytes, places: list[int], step: int
) -> None:
    path.write_bytes(data)
    breaks = [place % (len(data) + 1) for place in places]
    with closing(LineIndex(path, breaks=breaks)) as index:
        while index.extend(step):
            pass
        expected = by_breaks(data, breaks)
        assert index.line_count == len(expected)
        assert [line.data for line in index.read(0, 1000)] == [line[:LINE_CAP] for line in expected]
        for place in breaks:
            if 0 < place < len(data):
                assert index.start_of(index.line_at(place)) == place


def test_a_break_can_be_made_where_nothing_was_read_yet_or_a_line_ended(path: Path) -> None:
    path.write_bytes(b"one\ntwo")
    with closing(LineIndex(path)) as index:
        index.extend(100)
        assert index.break_at(4)
        assert not index.break_at(7)  # the line was taken for one that goes on
        assert index.break_at(9)
        with path.open("ab") as file:
            file.write(b"tail\n")
        index.extend(100)
        assert [line.data for line in index.read(0, 9)] == [b"one", b"twota", b"il"]
