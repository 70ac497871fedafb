"""How the screens look. After a change on purpose, update and look: ``--snapshot-update``."""

from __future__ import annotations

import pytest

from lazytui.tui.app import LazytuiApp
from tests.tui.fake_engine import STOPPED_CLOCK, FakeEngine, lab, with_runs
from tests.tui.seen import settle

SIZES = [(80, 24), (130, 34)]
SCREENS = {
    "hosts": (["j", "space", "space", "g"], "2 marked"),
    "run": (["j", "space", "space", "r", *"uptime"], "uptime"),
    "tasks": (["2", "j"], "#6"),
    "output": (["l"], "epoch 4"),
    "help": (["question_mark"], "Moving"),
    "question": (["Q"], "Is this really db01?"),
    "stop": (["2", "j", "x"], "Stop #6"),
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
    until = "Hosts" if (screen, size) == ("help", (80, 24)) else until
    app = LazytuiApp(with_runs(lab(tmp_path)), clock=STOPPED_CLOCK)
    assert looks(snap_compare, app, size, keys, until)


def test_a_small_terminal_looks_as_before(snap_compare):
    app = LazytuiApp(with_runs(lab()), clock=STOPPED_CLOCK)
    assert looks(snap_compare, app, (40, 10), ["j", "space"], "1 marked")


def test_the_empty_screen_looks_as_before(snap_compare):
    app = LazytuiApp(FakeEngine(problems=("~/.ssh/config:3: unknown word",)), clock=STOPPED_CLOCK)
    assert looks(snap_compare, app, (80, 24), [], "No hosts yet")
