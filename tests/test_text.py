"""The sanitizer, widths and number formats: no text from outside can command a terminal."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lazytui.text import (
    age_text,
    cell_width,
    char_width,
    duration_text,
    fit,
    percent,
    sanitize,
    size_text,
)

# What attacks are made of, so that random text often forms whole sequences.
PIECES = st.sampled_from(
    [
        *("\x1b", "\x1b[", "\x1b]", "\x1bP", "\x1b\\", "\x9b", "\x9d", "\x9c", "\x90", "\x07"),
        *("52;c;", "0;", "31m", "2J", "[", "]", ";", "\r", "\n", "\r\n", "\t", "\x08", "\x00"),
        *("\u202e", "\u2066", "\u200f", "\u061c", "\u2028", "\ufeff", "\U000e0041", "\ud800"),
        *("a", " ", "日", "é", "e\u0301", "🙂", "[/x]", "\ufffd"),
    ]
)
HOSTILE = st.one_of(st.text(), st.lists(PIECES).map("".join), st.binary())


def is_visible(character: str) -> bool:
    return unicodedata.category(character) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


@given(HOSTILE)
def test_whatever_comes_in_only_visible_characters_and_blanks_come_out(text: str | bytes) -> None:
    plain = sanitize(text)

    assert all(is_visible(character) for character in plain)
    plain.encode()  # no surrogate is left


@given(HOSTILE)
def test_with_newlines_kept_the_newline_is_the_only_control_character(text: str | bytes) -> None:
    plain = sanitize(text, keep_newlines=True)

    assert all(character == "\n" or is_visible(character) for character in plain)


@given(HOSTILE, st.booleans(), st.none() | st.integers(0, 30))
@example("\udc80\x1b[m\udc80", False, None)
@example("abc", False, 0)
def test_sanitizing_twice_changes_nothing(
    text: str | bytes, keep_newlines: bool, max_chars: int | None
) -> None:
    once = sanitize(text, keep_newlines=keep_newlines, max_chars=max_chars)

    assert sanitize(once, keep_newlines=keep_newlines, max_chars=max_chars) == once


@given(st.text(st.characters(categories=["L", "N", "P", "S"], codec="ascii")))
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert sanitize(text) == text


def test_no_character_that_unicode_calls_control_format_or_separator_remains() -> None:
    every = map(chr, range(sys.maxunicode + 1))
    undrawn = [c for c in every if not is_visible(c) and c not in "\t\n\r\x0b\x0c\x85\u2028\u2029"]

    assert {c for c in undrawn if sanitize(f"a{c}b") not in ("ab", "a\ufffdb", "a")} == set()


@pytest.mark.parametrize(
    ("raw", "plain"),
    [
        ("a\x1b[31mred\x1b[0m b", "ared b"),
        ("\x1b]52;c;aGVsbG8=\x07hi", "hi"),
        ("\x1b]0;title\x1b\\hi", "hi"),
        ("\x9d0;title\x9chi", "hi"),
        ("\x9b2Jhi", "hi"),
        ("\x1bPq#0;2;0\x1b\\hi", "hi"),
        ("\x90q#0\x9chi", "hi"),
        ("\x1b_Gpicture\x1b\\hi", "hi"),
        ("\x1bktmux title\x1b\\hi", "hi"),
        ("\x1bOAhi", "hi"),
        ("\x1b(Bhi", "hi"),
        ("\x1b7hi\x1b8", "hi"),
        ("\x1b[?1049hhi", "hi"),
        ("hi\x1b", "hi"),
        ("hi\x1b[3", "hi"),
        ("\x1b]0;a\x1b[31mhi", "hi"),
    ],
)
def test_escape_sequences_vanish_with_their_letters(raw: str, plain: str) -> None:
    assert sanitize(raw) == plain
    assert sanitize(raw.encode()) == plain


def test_an_unfinished_sequence_hides_no_more_than_its_line() -> None:
    assert sanitize("\x1b]0;hidden\nshown", keep_newlines=True) == "\nshown"


def test_a_run_of_invalid_utf8_becomes_one_replacement_character() -> None:
    assert sanitize(b"a\xff\xfe\x80b\xc3") == "a\ufffdb\ufffd"


def test_a_surrogate_of_a_file_name_becomes_a_replacement_character() -> None:
    assert sanitize("name-\udcff\udcfe.txt") == "name-\ufffd.txt"


def test_line_breaks_of_all_kinds_become_one_blank_each() -> None:
    assert sanitize("a\nb\r\nc\rd\x0be\x0cf\x85g\u2028h\u2029i") == "a b c d e f g h i"


def test_line_breaks_of_all_kinds_become_newlines_on_request() -> None:
    assert sanitize("a\r\nb\rc\u2028d", keep_newlines=True) == "a\nb\nc\nd"


def test_a_tab_fills_up_to_the_next_tab_stop() -> None:
    assert sanitize("ab\tc") == "ab      c"


def test_bidi_controls_and_invisible_characters_vanish() -> None:
    assert sanitize("r\u202em\u2066 \u200b-\u200frf\u00ad \U000e0041/\u3164") == "rm -rf /"


def test_too_much_text_ends_with_an_ellipsis() -> None:
    assert sanitize("abcdef", max_chars=4) == "abc…"
    assert sanitize("abcd", max_chars=4) == "abcd"
    assert sanitize("a\x1b[31mb\x1b[0m", max_chars=2) == "ab"


def test_an_endless_text_is_cut_before_it_is_worked_on() -> None:
    assert len(sanitize("\x1b[31m" * 10_000_000 + "end", max_chars=10)) <= 10


@pytest.mark.parametrize(
    ("text", "cells"),
    [("abc", 3), ("日本", 4), ("e\u0301", 1), ("🙂", 2), ("", 0), ("│▸●", 3)],
)
def test_a_width_is_counted_in_cells(text: str, cells: int) -> None:
    assert cell_width(text) == cells


def test_widths_agree_with_those_the_screens_use() -> None:
    from rich.cells import get_character_cell_size

    # Widened by Unicode 16, younger than this Python; and skin tones, which rich joins.
    disputed = {*range(0x2630, 0x2638), *range(0x268A, 0x2690), *range(0x4DC0, 0x4E00)}
    disputed |= {*range(0x1D300, 0x1D380), *range(0x1F3FB, 0x1F400), *range(0xD7B0, 0xD7FC)}
    letters = (
        character
        for character in map(chr, range(0x20, 0x1FFFF))
        if unicodedata.category(character)[0] in "LMNPS" and sanitize(character) == character
    )

    wrong = [
        hex(ord(character))
        for character in letters
        if ord(character) not in disputed
        and char_width(character) != get_character_cell_size(character)
    ]

    assert wrong == []


@pytest.mark.parametrize(
    ("text", "cells", "fitted"),
    [
        ("gpu01", 5, "gpu01"),
        ("gpu01", 4, "gpu…"),
        ("日本語", 5, "日本…"),
        ("日本語", 4, "日…"),
        ("cafe\u0301s", 5, "cafe\u0301s"),
        ("cafe\u0301s!", 5, "cafe\u0301…"),
        ("abc", 1, "…"),
        ("abc", 0, ""),
    ],
)
def test_a_text_is_cut_to_its_column(text: str, cells: int, fitted: str) -> None:
    assert fit(text, cells) == fitted


@given(st.text().map(sanitize), st.integers(0, 20))
def test_a_fitted_text_is_never_wider_than_its_column(text: str, cells: int) -> None:
    assert cell_width(fit(text, cells)) <= cells


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (None, "--"),
        (0, "0B"),
        (999, "999B"),
        (1000, "1.0K"),
        (9.96 * 1024, "10K"),
        (38 * 2**30, "38G"),
        (12.4 * 2**30, "12G"),
        (1023 * 2**30, "1.0T"),
        (-5, "0B"),
    ],
)
def test_a_size_reads_well_in_four_characters(size: float | None, text: str) -> None:
    assert size_text(size) == text


@given(st.integers(0, 2**69))
def test_a_size_never_takes_more_than_four_characters(size: int) -> None:
    assert len(size_text(size)) <= 4


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "--"),
        (0, "0s"),
        (0.31, "0.3s"),
        (4.2, "4s"),
        (59.7, "1m 00s"),
        (191, "3m 11s"),
        (8047, "02:14:07"),
        (5 * 86_400 + 4 * 3600, "5d 04h"),
        (-1, "0s"),
    ],
)
def test_a_duration_reads_well(seconds: float | None, text: str) -> None:
    assert duration_text(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "--"), (-3, "0s"), (12.9, "12s"), (240, "4m"), (7300, "2h"), (3 * 86_400, "3d")],
)
def test_an_age_is_told_in_one_unit(seconds: float | None, text: str) -> None:
    assert age_text(seconds) == text


@pytest.mark.parametrize(("share", "text"), [(None, "--"), (0, "0%"), (0.314, "31%"), (1, "100%")])
def test_a_share_is_told_in_percent(share: float | None, text: str) -> None:
    assert percent(share) == text
