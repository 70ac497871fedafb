"""The colours can be read, in every theme; and screens need neither colours nor symbols."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len
from textual.color import Color

from lazytui.core.settings import ScreenSettings, Settings
from lazytui.tui.app import LazytuiApp
from lazytui.tui.glyphs import _SYMBOLS, to_ascii
from lazytui.tui.look import Look, choose
from lazytui.tui.terminal import prepare, speaks_utf8
from lazytui.tui.theme import ANSI, DARK, LIGHT, THEMES
from tests.tui.fake_engine import STOPPED_CLOCK, lab, with_runs
from tests.tui.seen import rows, settle, text

GROUNDS = ("ground", "bars", "selection")
READ = ("moves", "fine", "attention", "broken", "keys", "people", "quiet")
UTF8 = {"LANG": "en_US.UTF-8"}


def contrast(one: str, other: str) -> float:
    """Give the contrast of two colours as WCAG 2 defines it."""
    lights = []
    for colour in (one, other):
        parts = [
            c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4
            for c in Color.parse(colour).normalized
        ]
        lights.append(0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2])
    dark, light = sorted(lights)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("roles", [DARK, LIGHT], ids=["dark", "light"])
@pytest.mark.parametrize("ground", GROUNDS)
def test_what_is_read_can_be_read(roles, ground):
    assert contrast(roles["plain"], roles[ground]) >= 7
    poor = {role: contrast(roles[role], roles[ground]) for role in READ}
    assert {role: found for role, found in poor.items() if found < 4.5} == {}


@pytest.mark.parametrize("roles", [DARK, LIGHT], ids=["dark", "light"])
def test_the_raised_tab_can_be_read(roles):
    assert contrast(roles["raised"], roles["moves"]) >= 4.5


@pytest.mark.parametrize("roles", [DARK, LIGHT], ids=["dark", "light"])
def test_decoration_is_seen_but_does_not_shout(roles):
    assert 1.3 < contrast(roles["faint"], roles["ground"]) < 4.5


def test_every_theme_has_a_colour_for_every_role():
    assert DARK.keys() == LIGHT.keys() == ANSI.keys()
    assert all(colour.startswith("ansi_") for colour in ANSI.values())


@pytest.mark.parametrize("theme", THEMES)
async def test_every_theme_shows_every_screen(theme, tmp_path):
    app = LazytuiApp(with_runs(lab(tmp_path)), clock=STOPPED_CLOCK, look=Look(theme=theme))
    async with app.run_test(size=(130, 34)) as pilot:
        for key in ("r", "escape", "question_mark", "escape", "2", "l", "escape", "1", "Q"):
            await pilot.press(key)
            await pilot.pause()
        assert app.current_theme.name == f"lazytui-{theme}"
        await settle(pilot, "Is this really db01?")


async def test_the_theme_is_changed_from_the_palette():
    async with LazytuiApp(lab(), clock=STOPPED_CLOCK).run_test() as pilot:
        await settle(pilot, "gpu01")
        await pilot.press("colon", *"theme li", "enter")
        await pilot.pause()
        assert pilot.app.theme == "lazytui-light"


# No colour


def colours_of(app) -> set[object]:
    """Give the colours that would go to the terminal."""
    strips = app.screen._compositor.render_strips()
    styles = [segment.style for strip in strips for segment in strip if segment.style]
    return {c for style in styles for c in (style.color, style.bgcolor) if c is not None}


async def test_no_color_leaves_no_colour_and_the_cursor_is_still_seen(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app = LazytuiApp(lab(), clock=STOPPED_CLOCK, look=choose(Settings()))
    async with app.run_test() as pilot:
        await settle(pilot, "gpu01")
        assert {colour.is_default for colour in colours_of(app)} == {True}
        assert "▌  gpu01" in text(app)
        assert "● up" in text(app)


async def test_the_ansi_theme_sends_the_terminals_own_colours_only():
    app = LazytuiApp(lab(), clock=STOPPED_CLOCK, look=Look(theme="ansi"))
    async with app.run_test() as pilot:
        await settle(pilot, "gpu01")
        assert {colour for colour in colours_of(app) if colour.triplet is not None} == set()


# No symbols


@pytest.mark.parametrize("size", [(40, 10), (130, 34)])
async def test_ascii_screens_are_ascii_and_nothing_moves(size, tmp_path):
    engine = with_runs(lab(tmp_path))
    engine.runtimes["gpu01"].address = "ana@主机.läb:22"
    plain = LazytuiApp(engine, clock=STOPPED_CLOCK)
    ascii_app = LazytuiApp(engine, clock=STOPPED_CLOCK, look=Look(ascii=True))
    async with plain.run_test(size=size) as one, ascii_app.run_test(size=size) as other:
        for key in ("space", "r", "escape", "Q", "escape", "question_mark", "escape", "2", "l"):
            await one.press(key)
            await other.press(key)
            await one.pause()
            await other.pause()
            seen = rows(other.app)
            assert all(row.isascii() for row in seen)
            assert [to_ascii(row) for row in rows(one.app)] == seen


def test_symbols_with_a_meaning_stay_different():
    states = [_SYMBOLS[symbol] for symbol in "●◐◆○◌▸✓✗⏏"]
    assert len(set(states)) == len(states)


@pytest.mark.parametrize(
    "given", [*_SYMBOLS, "主机", "e\u0301", "é", "ﬁ", "🖥", "ﷺ", "┌─┐", "\u200b", "Ω", "a"]
)
def test_a_likeness_takes_as_many_cells(given):
    assert to_ascii(given).isascii()
    assert cell_len(to_ascii(given)) == cell_len(given)


# What is chosen


@pytest.mark.parametrize(
    ("environ", "coerced", "utf8"),
    [
        ({"LANG": "en_US.UTF-8"}, False, True),
        ({"LANG": "de_DE.utf8@euro"}, False, True),
        ({"LANG": "en_US.UTF-8", "LC_ALL": "C"}, False, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, True, False),
        ({"LANG": "C", "LC_CTYPE": "C.UTF-8"}, False, True),
        ({"LANG": "en_US.ISO-8859-1"}, False, False),
        ({"LANG": "", "LC_ALL": ""}, False, False),
        ({}, False, False),
    ],
)
def test_the_locale_says_whether_symbols_can_be_shown(environ, coerced, utf8):
    assert speaks_utf8(environ, coerced=coerced) is utf8


@pytest.mark.parametrize(
    ("setting", "asked", "environ", "wanted"),
    [
        ("auto", False, {"LC_ALL": "C"}, True),
        ("never", False, {"LC_ALL": "C"}, False),
        ("never", True, {"LC_ALL": "C"}, True),
        ("always", False, UTF8, True),
    ],
)
def test_ascii_is_the_users_choice_before_it_is_the_locales(setting, asked, environ, wanted):
    settings = Settings(screen=ScreenSettings(ascii=setting))
    assert choose(settings, ascii_only=asked, environ=environ).ascii is wanted


def test_the_command_line_wins_over_the_settings():
    settings = Settings(screen=ScreenSettings(theme="light"), keys={"run": ("x",)})
    assert choose(settings, environ=UTF8) == Look("light", keys={"run": ("x",)})
    assert choose(settings, theme="ansi", no_mouse=True, environ=UTF8) == Look(
        "ansi", mouse=False, keys={"run": ("x",)}
    )
    assert choose(settings, theme="light", environ={**UTF8, "NO_COLOR": "1"}).theme == "ansi"
    assert choose(settings, environ={**UTF8, "NO_COLOR": ""}).theme == "light"


def test_a_slow_line_gets_fewer_paintings_and_escape_is_quick_everywhere():
    here: dict[str, str] = {}
    prepare(here)
    assert here == {"ESCDELAY": "25"}
    away = {"SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22", "TEXTUAL_FPS": "5"}
    prepare(away)
    assert away["TEXTUAL_ANIMATIONS"] == "none"
    assert away["TEXTUAL_FPS"] == "5"


def test_the_sheets_name_roles_and_no_colours():
    from lazytui.tui.styles import sheet_paths

    for sheet in sheet_paths():
        assert not re.search(r"#[0-9a-f]{6}\b", sheet.read_text())
