"""How the screens look. After a change on purpose, update and look: ``--snapshot-update``."""

from __future__ import annotations

import pytest

from lazytui.tui.app import LazytuiApp
from lazytui.tui.look import Look
from tests.tui.fake_engine import STOPPED_CLOCK, FakeEngine, host_key_question, lab, with_runs
from tests.tui.seen import settle

SIZES = [(80, 24), (130, 34)]
SCREENS = {
    "hosts": (["j", "space", "space", "g"], "2 marked"),
    "tasks": (["2"], "#6"),
    "output": (["l"], "epoch 4"),
    "help": (["question_mark", "j"], "Run a command"),
    "columns": (["c", "t"], "Columns"),
    "palette": (["colon", *"mark"], "Mark all"),
    "palette-filter": (["colon", *"hosts", "space", *"gpu"], "Hosts that match"),
    "question": (["Q"], "Is this really db01?  1 of 2"),
    "leave": (["q"], "Leave lazytui?"),
    "stop": (["2", "x"], "INT"),
}


def looks(snap_compare, app, size, keys, until) -> bool:
    async def go(pilot) -> None:
        await pilot.pause()
        await pilot.press(*keys)
        await settle(pilot, until)

    return snap_compare(app, terminal_size=size, run_before=go)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "130x34"])
@pytest.mark.parametrize("screen", SCREENS)
def test_every_screen_looks_as_before(screen, size, snap_compare, tmp_path):
    keys, until = SCREENS[screen]
    engine = with_runs(lab(tmp_path))
    if screen == "question":
        engine.ask(host_key_question("old01"))
    app = LazytuiApp(engine, clock=STOPPED_CLOCK)
    assert looks(snap_compare, app, size, keys, until)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "130x34"])
@pytest.mark.parametrize(
    "look", [Look("light"), Look("ansi"), Look(ascii=True)], ids=["light", "ansi", "ascii"]
)
def test_every_theme_looks_as_before(look, size, snap_compare):
    app = LazytuiApp(with_runs(lab()), clock=STOPPED_CLOCK, look=look)
    assert looks(snap_compare, app, size, ["j", "space"], "1 marked")


@pytest.mark.parametrize("keys", [["j"], ["G"]], ids=["low", "high"])
def test_passing_words_look_as_before(keys, snap_compare):
    app = LazytuiApp(with_runs(lab()), clock=STOPPED_CLOCK)

    async def go(pilot) -> None:
        await pilot.pause()
        await pilot.press(*keys)
        app.notify("gpu01 is back after 12 s", severity="information", timeout=600, markup=False)
        app.notify("the settings name an unknown key", severity="warning", timeout=600)
        await settle(pilot, "unknown key")
        await pilot.pause()

    assert snap_compare(app, terminal_size=(80, 24), run_before=go)


def test_a_small_terminal_looks_as_before(snap_compare):
    app = LazytuiApp(with_runs(lab()), clock=STOPPED_CLOCK)
    assert looks(snap_compare, app, (40, 10), ["j", "space"], "1 marked")


def test_the_empty_screen_looks_as_before(snap_compare):
    app = LazytuiApp(FakeEngine(problems=("~/.ssh/config:3: unknown word",)), clock=STOPPED_CLOCK)
    assert looks(snap_compare, app, (80, 24), [], "No hosts yet")
