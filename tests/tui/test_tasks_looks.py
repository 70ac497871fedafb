"""How Tasks and Events look. After a change on purpose, update and look: ``--snapshot-update``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lazytui.core.model import RunState
from lazytui.tui.app import LazytuiApp
from tests.tui.fake_engine import STOPPED_CLOCK, FakeEngine, lab
from tests.tui.seen import settle
from tests.tui.test_events import with_deeds

if TYPE_CHECKING:
    from pathlib import Path

SIZES = [(80, 24), (130, 34)]
DAY = 86_400.0
S, F, C = RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED
R, Q = RunState.RUNNING, RunState.QUEUED


def busy(spool_dir: Path) -> FakeEngine:
    """Give a lab with tasks of every kind, on one host and on many."""
    engine = lab(spool_dir)
    gpus = [f"gpu{number:02}" for number in range(1, 5)]
    nodes = [f"node{number:03}" for number in range(1, 101)]
    engine.members = {"train": gpus}
    add = engine.add_task
    lost = [("gpu04", RunState.LOST)]
    add("sweep.sh", lost, ago=2 * DAY, took=21_600, reason="host was rebooted")
    add("prepare.sh --all", [("cpu01", S), ("cpu02", S)], ago=DAY, took=51)
    add("pip install -r req.txt", [(g, F if g == "gpu03" else S) for g in gpus], exit_status=1)
    add("nvidia-smi --query-gpu=driver_version", [(gpu, S) for gpu in gpus], ago=50)
    states = [S] * 87 + [F] * 9 + [C] * 4
    up = [*zip(nodes, states, strict=True), ("cpu01", S)]
    add("uptime", up, ago=40, took=9, exit_status=255)
    add("python train.py --lr 3e-4", [("gpu01", R)], ago=8047, output=b" 31%|###   | 31/100")
    add(
        "python eval.py --split test",
        [(gpu, R if gpu < "gpu03" else Q) for gpu in gpus],
        ago=61,
        output=b"LAZYTUI_STATUS: batch 4/9\n",
    )
    add("preprocess.py", [("cpu02", Q)], ago=20)
    return engine


async def at(pilot, keys, until) -> None:
    await pilot.pause()
    await pilot.press(keys[0])
    await settle(pilot, "Tasks")
    pilot.app.screen.set_filter("")
    await pilot.press(*keys[1:])
    await settle(pilot, until)


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "130x34"])
@pytest.mark.parametrize(
    ("keys", "until"),
    [
        (["2", "g", "j"], "gpu02 batch 4/9"),
        (["2", "g", "slash", *"gpu01"], "None of 8 matches"),
        (["2", "g", "asterisk", "D"], "Forget 5 tasks?"),
    ],
    ids=["tasks", "nothing", "forget"],
)
def test_tasks_look_as_before(keys, until, size, snap_compare, tmp_path):
    app = LazytuiApp(busy(tmp_path), clock=STOPPED_CLOCK)
    assert snap_compare(app, terminal_size=size, run_before=lambda p: at(p, keys, until))


def test_tasks_on_a_small_terminal_look_as_before(snap_compare, tmp_path):
    app = LazytuiApp(busy(tmp_path), clock=STOPPED_CLOCK)
    keys = ["2", "g", "j"]
    assert snap_compare(app, terminal_size=(40, 10), run_before=lambda p: at(p, keys, "2 of 8"))


@pytest.mark.parametrize("size", SIZES, ids=["80x24", "130x34"])
@pytest.mark.parametrize(
    ("keys", "until"),
    [(["6", "j"], "2 of 5"), (["6", "S"], "Save 5 events to")],
    ids=["events", "save"],
)
def test_events_look_as_before(keys, until, size, snap_compare):
    app = LazytuiApp(with_deeds(), clock=STOPPED_CLOCK)

    async def go(pilot) -> None:
        await pilot.pause()
        await pilot.press(keys[0])
        await settle(pilot, "1 of 5")
        await pilot.press(*keys[1:])
        await settle(pilot, until)

    assert snap_compare(app, terminal_size=size, run_before=go)
