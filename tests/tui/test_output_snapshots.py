"""How the reading of output looks. After a change on purpose: ``--snapshot-update``, and look."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from lazytui.core.arrivals import RECORD
from lazytui.tui.app import LazytuiApp
from tests.tui.fake_engine import NOW, STOPPED_CLOCK, FakeEngine, up
from tests.tui.seen import settle

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from textual.pilot import Pilot

LINES = [
    b"\x1b[1m== training on 4 GPUs ==\x1b[m\n",
    *(
        b"epoch %d start\n"
        b"epoch %d \x1b[32mloss %.3f\x1b[m acc 0.%d  saved /data/runs/2026-11-23/resnet/%04d.pt\n"
        b"\x1b[33mwarn\x1b[m dataloader: worker %d slow (2.1 s)\n" % (n, n, 1 / n, 60 + n, n, n % 4)
        for n in range(1, 31)
    ),
    b"\repoch 31  10%|###                 | 200/2000",
    b"\repoch 31  31%|#########           | 620/2000  1.9 it/s",
]
STATES = {
    "find": (["slash", *"loss 0.03", "enter", "N"], "4 of 5 matches"),
    "typing": (["slash", *"/loss 0.1./"], "5 matches"),
    "only": (["ampersand", *"warn", "enter"], "&warn  30 matches"),
    "wrapped": (["w", "t", "t", "M", "up", "up"], "▲ paused"),
    "save": (["S"], "raw, every byte"),
    "copy": (["slash", *"warn", "enter", "y"], "matching lines"),
}


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Show the same time of day wherever the tests run."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def training(folder: Path) -> FakeEngine:
    engine = FakeEngine(spool_dir=folder)
    engine.add(up("gpu01", 0.71, 0.41, 0.62))
    engine.add_run("gpu01", "python train.py --lr 3e-4", ago=8047, output=b"".join(LINES))
    records, size = [], 0
    for number, line in enumerate(LINES):
        size += len(line)
        records.append(RECORD.pack(size, round((NOW - 8000 + 240 * number) * 1000)))
    (folder / f"{1:032x}.times").write_bytes(b"".join(records))
    return engine


def looks(snap_compare, folder: Path, size: tuple[int, int], state: str) -> bool:
    keys, until = STATES[state]

    async def go(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await pilot.press("l")
        await settle(pilot, "epoch 31")
        for key in keys:
            await pilot.press({" ": "space", "/": "slash"}.get(key, key))
        await settle(pilot, until)
        await pilot.pause(0.1)

    app = LazytuiApp(training(folder), clock=STOPPED_CLOCK)
    return snap_compare(app, terminal_size=size, run_before=go)


@pytest.mark.parametrize("size", [(80, 24), (130, 34)], ids=["80x24", "130x34"])
@pytest.mark.parametrize("state", STATES)
def test_output_looks_as_before(state, size, snap_compare, tmp_path):
    assert looks(snap_compare, tmp_path, size, state)


def test_output_on_a_small_terminal_looks_as_before(snap_compare, tmp_path):
    assert looks(snap_compare, tmp_path, (40, 10), "find")
