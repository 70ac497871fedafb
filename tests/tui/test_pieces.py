"""Pieces fill their cells exactly, columns fit their terminal, style sheets are found."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from lazytui.text import sanitize
from lazytui.tui import styles
from lazytui.tui.theme import load_role
from lazytui.tui.widgets.cells import Piece, fit, place, share_piece, spark, spread, width_of
from lazytui.tui.widgets.columns import Column, fit_columns

pieces = st.lists(st.text().map(sanitize).map(Piece), max_size=4)


@given(pieces, st.integers(0, 60), st.booleans())
def test_placed_pieces_fill_exactly_their_cells(row, cells, right):
    assert width_of(place(row, cells, right=right)) == cells


@given(pieces, pieces, st.integers(0, 60))
def test_spread_pieces_fill_exactly_their_cells(left, right, cells):
    assert width_of(spread(left, right, cells)) == cells


@given(st.text().map(sanitize), st.integers(0, 60))
def test_a_cut_text_is_never_wider_than_its_cells_and_says_that_it_was_cut(text, cells):
    cut = fit(text, cells)
    assert cell_len(cut) <= cells
    assert cut == text or cut.endswith("…") or cells == 0


def test_numbers_stand_at_the_right():
    assert place([Piece("7%")], 4, right=True) == [Piece("  "), Piece("7%")]


@pytest.mark.parametrize(
    ("history", "bars"),
    [
        ([], "    "),
        ([0.5], "   ▅"),
        ([0.0, 0.3, 0.6, 1.0], "▁▃▅█"),
        ([9.0, -1.0, 0.0, 1.0, 2.0], "▁▁██"),
    ],
)
def test_a_spark_shows_the_newest_last(history, bars):
    assert spark(history, 4) == bars


@pytest.mark.parametrize(
    ("share", "role"),
    [(0.0, "fine"), (0.49, "fine"), (0.5, "attention"), (0.84, "attention"), (0.85, "broken")],
)
def test_a_load_has_the_colour_of_its_limit(share, role):
    assert load_role(share) == role
    assert share_piece(share).role == role


COLUMNS = (
    Column("name", "name", 8, grow_to=12),
    Column("state", "state", 6),
    Column("mem", "mem", 4, drop=1),
    Column("in", "in", 4, drop=2),
    Column("out", "out", 4, drop=2),
)


@given(st.integers(0, 200))
def test_columns_are_never_wider_than_their_room(cells):
    chosen = fit_columns(COLUMNS, cells, 2)
    assert sum(c.width for c in chosen) + 2 * max(0, len(chosen) - 1) <= cells


@pytest.mark.parametrize(
    ("cells", "names"),
    [
        (34, ["name", "state", "mem", "in", "out"]),
        (33, ["name", "state", "mem"]),
        (21, ["name", "state"]),
        (15, ["name", "state"]),
        (5, ["name"]),
    ],
)
def test_columns_of_one_rank_go_together_and_the_name_last(cells, names):
    assert [column.id for column in fit_columns(COLUMNS, cells, 2)] == names


def test_room_that_is_left_goes_to_who_can_use_it():
    assert fit_columns(COLUMNS, 100, 2)[0].width == 12


def test_style_sheets_are_found_in_a_checkout():
    assert {sheet.stem for sheet in styles.sheet_paths()} >= {"base", "tables", "sheets"}


def test_style_sheets_are_found_in_a_wheel(tmp_path, monkeypatch):
    inside = tmp_path / "site-packages" / "lazytui" / "tui"
    inside.mkdir(parents=True)
    shutil.copytree(styles.sheet_paths()[0].parent, inside / "tcss")
    monkeypatch.setattr(styles, "__file__", str(inside / "styles.py"))
    assert {sheet.parent for sheet in styles.sheet_paths()} == {inside / "tcss"}


def test_an_installation_without_style_sheets_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(styles, "__file__", str(tmp_path / "a" / "b" / "c" / "styles.py"))
    with pytest.raises(FileNotFoundError, match="install lazytui again"):
        styles.sheet_paths()


def test_only_meanings_have_colours():
    """A colour in a sheet would be a colour without a meaning."""
    for sheet in styles.sheet_paths():
        assert "#" not in "".join(
            line for line in Path(sheet).read_text().splitlines() if "{" not in line
        )
