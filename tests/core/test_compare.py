"""What differs between two outputs, without what is to be ignored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytui.core import compare as module
from lazytui.core.compare import Comparison, Ignore, Text, as_text, compare, read_text, rows
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path


def text(*lines: str, host: str = "gpu01") -> Text:
    return Text(host, lines)


def shown(found: Comparison, *opened: int) -> list[str]:
    signs = {"same": " ", "gone": "-", "new": "+", "fold": "·"}
    return [f"{signs[row.kind]}{row.number} {row.text}".rstrip() for row in rows(found, {*opened})]


def test_lines_that_stand_for_each_other_are_shown_in_pairs_with_the_part_that_differs() -> None:
    found = compare(
        text("Driver Model", "Driver Version : 535.161.08", "CUDA 12.2"),
        text("Driver Model", "Driver Version : 535.104.05", "CUDA 12.2"),
        Ignore(),
    )

    assert shown(found) == [
        " 1 Driver Model",
        "-2 Driver Version : 535.161.08",
        "+2 Driver Version : 535.104.05",
        " 3 CUDA 12.2",
    ]
    gone, new = rows(found, set())[1:3]
    assert (gone.text[slice(*gone.part)], new.text[slice(*new.part)]) == ("161.08", "104.05")
    assert found.count == 1


def test_what_only_one_side_has_is_shown_where_it_stands() -> None:
    found = compare(text("a", "b", "c"), text("a", "x", "y", "c", "d"), Ignore())

    assert shown(found) == [" 1 a", "-2 b", "+2 x", "+3 y", " 4 c", "+5 d"]


def test_long_runs_of_equal_lines_are_put_away_until_they_are_opened() -> None:
    lines = [f"line {number}" for number in range(100)]
    found = compare(text("old", *lines, "end"), text("new", *lines, "fin"), Ignore())

    assert shown(found) == [
        "-1 old", "+1 new", " 2 line 0", " 3 line 1", "·96",
        " 100 line 98", " 101 line 99", "-102 end", "+102 fin",
    ]  # fmt: skip
    assert len(rows(found, {1})) == 104


@pytest.mark.parametrize(
    ("one", "other", "ignore"),
    [
        ("I am gpu01", "I am gpu02", Ignore()),
        ("took 3.1 s", "took 12.25 s", Ignore(digits=True)),
        ("a  b ", "a b", Ignore(spaces=True)),
        ("at 10:31 done", "at 11:02 done", Ignore(pattern=r"\d+:\d+")),
    ],
)
def test_what_is_ignored_makes_no_difference(one: str, other: str, ignore: Ignore) -> None:
    ours, theirs = text(one), text(other, host="gpu02")

    assert compare(ours, theirs, ignore).count == 0
    assert compare(ours, theirs, Ignore(names=False)).count == 1


def test_an_expression_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot read the expression"):
        Ignore(pattern="(").check()


def test_outputs_are_read_as_a_terminal_shows_them(tmp_path: Path) -> None:
    spool = tmp_path / "x.log"
    spool.write_bytes(b"\x1b[31mred\x1b[m\n 1%\r 50%\r100%\r\n\xff\x1b]0;title\x07\n")

    assert read_text(spool, "gpu01") == Text("gpu01", ("red", "100%", "�"))
    assert read_text(tmp_path / "none", "gpu01") == Text("gpu01", ())


def test_big_outputs_are_compared_as_far_as_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_LINES", 3)
    spool = tmp_path / "x.log"
    spool.write_bytes(b"1\n2\n3\n4\n")

    read = read_text(spool, "gpu01")

    assert read == Text("gpu01", ("1", "2", "3"), is_cut=True)
    assert compare(read, text("1", "2", "3"), Ignore()).is_cut


def test_a_comparison_is_saved_like_any_other_diff() -> None:
    found = compare(text(*"abcdefgh", "x"), Text("gpu02", (*"abcdefgh", "y"), True), Ignore())

    assert as_text(found, ("gpu01", "gpu02")) == (
        "--- gpu01\n+++ gpu02\n@@ 6 equal lines @@\n g\n h\n-x\n+y\n@@ more was not compared @@\n"
    )


lines = st.lists(st.sampled_from("abcd"), max_size=12)


@given(lines, lines)
def test_both_sides_can_be_read_out_of_a_comparison(one: list[str], other: list[str]) -> None:
    found = compare(text(*one), text(*other), Ignore())
    laid = rows(found, set(range(len(found.blocks))))

    assert [row.text for row in laid if row.kind != "gone"] == other
    assert [row.text for row in laid if row.kind != "new"] == one
    assert (found.count == 0) == (one == other)
