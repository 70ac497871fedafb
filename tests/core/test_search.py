"""A query finds the lines that a reader of the screen would point at, in files of any size."""

from __future__ import annotations

import re
from contextlib import closing
from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from lazytui.core import matches
from lazytui.core.lines import LineIndex
from lazytui.core.matches import MatchIndex
from lazytui.core.search import parse_query
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

ALL = 2**62


def found(text: str, data: bytes, **options: bool) -> list[int]:
    return parse_query(text).lines(data, **options)


@pytest.mark.parametrize(
    ("text", "line", "finds"),
    [
        ("loss", b"Loss 0.1", True),
        ("Loss", b"loss 0.1", False),
        ("Loss", b"Loss 0.1", True),
        ("a.c", b"abc", False),
        ("/a.c/", b"abc", True),
        ("/A.C/", b"abc", False),
        (r"/\d+\S/", b"EPOCH 12x", True),
        ("/var/log", b"in /var/log/x", True),
        ("/", b"a/b", True),
        ("//", b"a//b", True),
        (r"a\/", rb"a\/b", True),
        ("größe", "GRÖSSE größe".encode(), True),
        ("ÄÖ", "äö".encode(), False),
        ("äö", "ÄÖ".encode(), True),
        ("[/x]", b"a [/x] b", True),
        ("error", b"\x1b[31merr\x1b[1mor\x1b[m", True),
        ("31m", b"\x1b[31mred\x1b[m", False),
        ("title", b"\x1b]0;title\x07text", False),
        ("50%", b" 10%\r 50%\r100%", False),
        ("100%", b" 10%\r 50%\r100%", True),
        ("100%", b" 10%\r100%\r", True),
        ("/x$/", b"x\r", True),
        ("/^b/", b"a\rb", True),
        ("\ufffd", b"\xff", True),
    ],
)
def test_a_line_is_found_as_it_is_shown(text: str, line: bytes, finds: bool) -> None:
    data = b"first\n" + line + b"\n"
    assert found(text, data) == ([1] if finds else [])
    assert parse_query(text).count(data) == int(finds)


def test_every_state_of_a_progress_bar_is_found_when_each_is_a_line() -> None:
    data = b"start\r\n 10%\r 50%\r100%\nend\n"
    assert found("50%", data, returns_end_lines=True) == [2]
    assert found("end", data, returns_end_lines=True) == [4]


def test_spans_are_where_the_matches_are_in_the_drawn_text() -> None:
    assert parse_query("ab").spans("ab AB xab") == [(0, 2), (3, 5), (7, 9)]
    assert parse_query("/x*/").spans("axxb") == [(1, 3)]


def test_the_marks_of_one_line_are_bounded() -> None:
    assert len(parse_query("a").spans("a" * 4000)) == 200


@pytest.mark.parametrize("text", ["/(/", "/[a/", "/a{99999999999}/", "/*a/"])
def test_what_is_no_expression_is_told(text: str) -> None:
    with pytest.raises(UsageError, match="not an expression"):
        parse_query(text)


@pytest.mark.parametrize(
    "text", ["/(a+)+$/", "/(a|a)*b/", "/((ab*)c)+/", "/(?:x*){2,}/", r"/(\w+\s?)*$/", "/(a+){3,}?/"]
)
def test_an_expression_that_could_take_for_ever_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="repeat inside a repeat"):
        parse_query(text)


@pytest.mark.parametrize("text", [r"/(\(\))+x/", "/[(*]+/", "/(ab)+c*/", "/(a|b)c+/", "/a+b+/"])
def test_an_expression_without_nested_repeats_is_taken(text: str) -> None:
    assert parse_query(text).text == text


# --- over a whole file -------------------------------------------------------------------


def reference(data: bytes, word: bytes) -> list[int]:
    return [n for n, line in enumerate(data.removesuffix(b"\n").split(b"\n")) if word in line]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


def indexed(path: Path, text: str, **options: bool) -> MatchIndex:
    lines = LineIndex(path, **options)
    lines.extend(ALL)
    index = MatchIndex(lines, parse_query(text))
    while index.extend(1000):
        pass
    return index


def all_lines(index: MatchIndex) -> list[int]:
    return [index.line(number) for number in range(index.count)]


def test_the_matches_of_a_file_have_their_line_numbers(path: Path) -> None:
    path.write_bytes(b"".join(b"line %d\n" % n for n in range(200_000)))
    index = indexed(path, "99")
    with closing(index.index):
        expected = [n for n in range(200_000) if "99" in str(n)]
        assert index.count == len(expected)
        assert all_lines(index) == expected
        assert index.rank(0) == 0
        assert index.rank(100) == 1
        assert index.rank(150_000) == sum(n < 150_000 for n in expected)


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(
        st.sampled_from([b"x", b"\n", b"ab", b"needle", b"nee", b"dle", b"y" * 9, b"\n\n"]),
        max_size=80,
    ),
    pieces=st.integers(1, 5),
)
def test_any_file_grown_in_any_pieces_has_the_matches_of_a_plain_search(
    parts: list[bytes], pieces: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("search") / "run.log"
    data = b"".join(parts)
    path.touch()
    with pytest.MonkeyPatch.context() as patch, closing(LineIndex(path)) as lines:
        patch.setattr(matches, "BLOCK", 64)
        index = MatchIndex(lines, parse_query("needle"))
        step = max(1, len(data) // pieces)
        for begin in range(0, len(data), step):
            with path.open("ab") as file:
                file.write(data[begin : begin + step])
            lines.extend(ALL)
            while index.extend(64):
                pass
        expected = (
            reference(data, b"needle")
            if all(len(line) < 64 for line in data.split(b"\n"))
            else all_lines(index)
        )
        assert all_lines(index) == expected
        for line in range(lines.line_count + 1):
            assert index.rank(line) == sum(n < line for n in expected)


def test_a_line_that_grows_into_a_match_counts_once(path: Path) -> None:
    path.write_bytes(b"one\nnee")
    with closing(LineIndex(path)) as lines:
        index = MatchIndex(lines, parse_query("needle"))
        counts = []
        for more in (b"", b"dle", b" needle", b"\nnext\n"):
            with path.open("ab") as file:
                file.write(more)
            lines.extend(ALL)
            index.extend(ALL)
            counts.append(index.count)
        assert counts == [0, 1, 1, 1]
        assert all_lines(index) == [1]


def test_a_line_of_many_megabytes_is_one_match(path: Path) -> None:
    path.write_bytes(b"a\n" + b"needle " * 500_000 + b"\nneedle\n")
    index = indexed(path, "needle")
    with closing(index.index):
        assert all_lines(index) == [1, 2]
        assert [index.rank(line) for line in (1, 2, 3)] == [0, 1, 2]


def test_states_of_a_progress_bar_are_lines_of_a_raw_index(path: Path) -> None:
    states = b"".join(b"\r%3d%%" % n for n in range(100)) + b"\nend\n"
    path.write_bytes(states * 2000)
    raw = indexed(path, "50%", returns_end_lines=True)
    with closing(raw.index):
        assert raw.count == 2000
        assert raw.index.read(raw.line(7), raw.line(7) + 1)[0].data == b" 50%"
    collapsed = indexed(path, "50%")
    with closing(collapsed.index):
        assert collapsed.count == 0


def test_a_closed_file_has_no_more_matches(path: Path) -> None:
    path.write_bytes(b"needle\n")
    lines = LineIndex(path)
    lines.extend(ALL)
    index = MatchIndex(lines, parse_query("needle"))
    lines.close()
    assert not index.extend(ALL)
    assert index.count == 0


def test_memory_grows_with_blocks_not_with_matches(path: Path) -> None:
    path.write_bytes(b"needle\n" * 1_000_000)
    index = indexed(path, "needle")
    with closing(index.index):
        assert index.count == 1_000_000
        assert len(index._upto) <= 7_000_000 // matches.BLOCK + 1


@pytest.mark.parametrize(
    "data", [b"a\r\nb\rc\n", b"a\r", b"\r\r\r\n", b"x\r\n" * 50_000, b"ab\r" * 50_000]
)
@pytest.mark.parametrize("piece", [1, 3, 32 * 1024, ALL])
def test_a_raw_index_ends_lines_at_returns_and_newlines(
    path: Path, data: bytes, piece: int
) -> None:
    piece = max(piece, len(data) // 10)
    path.write_bytes(data)
    with closing(LineIndex(path, returns_end_lines=True)) as lines:
        while lines.extend(piece) and lines.end < len(data) - 1:
            pass
        known = data.removesuffix(b"\r")  # whether the last one ends a line is not known
        expected = re.split(rb"\r\n|\r|\n", known)
        if expected[-1] == b"":
            expected.pop()
        assert [line.data for line in lines.read(0, ALL)] == expected


@settings(max_examples=60, deadline=None)
@given(
    parts=st.lists(st.sampled_from([b"needle", b"nee", b"dle\n", b"\n", b"y" * 9]), max_size=40),
    places=st.lists(st.integers(0, 300), max_size=4),
)
def test_a_word_that_a_break_cuts_is_no_match(
    parts: list[bytes], places: list[int], tmp_path_factory: pytest.TempPathFactory
) -> None:
    data = b"".join(parts)
    assume(all(len(line) < 64 for line in data.split(b"\n")))  # longer ones are seen in pieces
    path = tmp_path_factory.mktemp("breaks") / "run.log"
    path.write_bytes(data)
    edges = [0, *sorted({place for place in places if 0 < place < len(data)}), len(data)]
    expected: list[int] = []
    before = 0
    with pytest.MonkeyPatch.context() as patch, closing(LineIndex(path, breaks=edges)) as lines:
        patch.setattr(matches, "BLOCK", 64)
        lines.extend(ALL)
        index = MatchIndex(lines, parse_query("needle"))
        while index.extend(1000):
            pass
        for begin, end in pairwise(edges):
            piece = data[begin:end]
            expected += [before + line for line in reference(piece, b"needle")]
            before += len(piece.removesuffix(b"\n").split(b"\n")) if piece else 0
        assert all_lines(index) == expected
