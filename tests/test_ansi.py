"""A line of output is drawn as a terminal would leave it, and cannot command the real one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytui.ansi import MAX_CELLS, Style, parse_sgr_line, render_line
from lazytui.text import cell_width, sanitize

PIECES = st.sampled_from(
    [
        *(b"\x1b[", b"\x1b[31m", b"\x1b[K", b"\x1b[1K", b"\x1b[2K", b"\x1b[3C", b"\x1b[2D"),
        *(b"\x1b]52;c;x\x07", b"\r", b"\b", b"\t", b"\xff", b"\x00", b"\x1b[9999999G"),
        *("日".encode(), b"abc", "e\u0301".encode(), "\u202e".encode(), "\u009b".encode()),
    ]
)
RAW = st.one_of(st.binary(), st.lists(PIECES).map(b"".join))


@given(RAW)
def test_whatever_comes_in_only_visible_characters_come_out(raw: bytes) -> None:
    plain, _ = parse_sgr_line(raw)

    hidden = [c for c in plain if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    assert hidden == []
    assert sanitize(plain) == plain


@given(RAW)
def test_spans_are_in_order_inside_the_text_and_never_empty(raw: bytes) -> None:
    plain, spans = parse_sgr_line(raw)

    edges = [edge for start, end, _ in spans for edge in (start, end)]
    assert edges == sorted(edges)
    assert all(0 <= start < end <= len(plain) for start, end, _ in spans)
    assert all(style != Style() for _, _, style in spans)


@given(RAW)
def test_a_line_never_gets_wider_than_the_limit(raw: bytes) -> None:
    assert cell_width(render_line(raw)) <= MAX_CELLS


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"plain", "plain"),
        (b"ends\r\n", "ends"),
        (b" 10%\r 50%\r100%\n", "100%"),
        (b"long line\rshort", "shortline"),
        (b"long line\r\x1b[Kshort", "short"),
        (b"\x1b[2K\rshort", "short"),
        (b"long line\x1b[2K\rshort", "short"),
        (b"abc\x1b[1K", "   "),
        (b"|\b/\b-\b\\", "\\"),
        (b"\b\bstart", "start"),
        (b"a\tb", "a       b"),
        (b"abc\x1b[1Gx", "xbc"),
        (b"abc\x1b[2Dx", "axc"),
        (b"a\x1b[2Cb", "a  b"),
        (b"up\x1b[Adown\x1b[B", "updown"),
        (b"\x1b[2J\x1b[Hhome", "home"),
        (b"nul\x00bel\x07", "nulbel"),
        (b"bad\xff\xfeutf", "bad\ufffdutf"),
        ("日本\rX".encode(), "X 本"),
        ("日本\x1b[3DX".encode(), " X本"),
        ("日本\x1b[3D\x1b[K".encode(), " "),
        ("abc\r日".encode(), "日c"),
        (b"[/x] [@click=app.quit]", "[/x] [@click=app.quit]"),
    ],
)
def test_a_line_looks_as_a_terminal_would_leave_it(raw: bytes, shown: str) -> None:
    assert render_line(raw) == shown


def test_the_last_state_of_a_progress_bar_is_shown() -> None:
    states = [f"\r{done:3d}%|{'█' * (done // 10):<10}| {done}/100" for done in range(101)]

    assert render_line("".join(states).encode()) == "100%|██████████| 100/100"


@pytest.mark.parametrize(
    ("sgr", "style"),
    [
        ("31", Style(fg=1)),
        ("97", Style(fg=15)),
        ("42", Style(bg=2)),
        ("101", Style(bg=9)),
        ("38;5;208", Style(fg=208)),
        ("48;2;1;2;3", Style(bg=(1, 2, 3))),
        ("38:2:1:2:3", Style(fg=(1, 2, 3))),
        ("38:2::1:2:3", Style(fg=(1, 2, 3))),
        ("38:5:9", Style(fg=9)),
        ("1;3;4;7;9", Style(bold=True, italic=True, underline=True, reverse=True, strike=True)),
        ("4:3", Style(underline=True)),
        ("58;5;1;2", Style(dim=True)),
        ("1;0;2", Style(dim=True)),
    ],
)
def test_colours_and_attributes_are_read(sgr: str, style: Style) -> None:
    assert parse_sgr_line(f"a\x1b[{sgr}mb".encode()) == ("ab", [(1, 2, style)])


@pytest.mark.parametrize(
    "sgr",
    [
        *("0", "", "39;49", "38;5;999", "38;2;1;2", "38", "38;5", "5", "8", "98", "109", "9" * 99),
        *("4;24", ">4;2", "1;22", "2;22", "3;23", "7;27", "9;29", "4;4:0", "31;39", "38:2:1"),
    ],
)
def test_what_is_undone_or_makes_no_sense_leaves_no_style(sgr: str) -> None:
    assert parse_sgr_line(f"\x1b[{sgr}mb".encode()) == ("b", [])


def test_overwriting_takes_the_new_colour() -> None:
    assert parse_sgr_line(b"\x1b[31mabc\x1b[0m\r\x1b[32mX") == (
        "Xbc",
        [(0, 1, Style(fg=2)), (1, 3, Style(fg=1))],
    )


def test_concealed_text_is_shown() -> None:
    assert parse_sgr_line(b"\x1b[8mrm -rf\x1b[28m") == ("rm -rf", [])


def test_equal_neighbours_are_one_span() -> None:
    assert parse_sgr_line(b"\x1b[31ma\x1b[31mb\x1b[0;31mc") == ("abc", [(0, 3, Style(fg=1))])


def test_ten_thousand_colour_changes_in_a_line_give_ten_thousand_spans() -> None:
    raw = b"".join(b"\x1b[%dmx" % (31 + n % 2) for n in range(10_000))

    plain, spans = parse_sgr_line(raw)

    assert plain == "x" * len(plain)
    assert len(spans) == len(plain) == min(MAX_CELLS, 10_000)


def test_marks_without_end_do_not_pile_up_on_one_letter() -> None:
    assert len(render_line(b"a" + "\u0301".encode() * 1000)) < 20
