"""Files: two folders beside each other, and what is copied between them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lazytui.core.files import File
from lazytui.core.transfer.progress import Progress
from lazytui.tui.app import LazytuiApp
from tests.tui.fake_engine import NOW, STOPPED_CLOCK, FakeEngine, lab
from tests.tui.seen import row_of, settle, shown, text

if TYPE_CHECKING:
    from pathlib import Path

AT = int(NOW) - 90_000


def furnished(tmp_path: Path) -> FakeEngine:
    engine = lab(tmp_path)
    add = engine.files.add
    here = [
        File("src", "d", 0, AT),
        File(".hidden", "f", 1, AT),
        File("data.tar", "f", 13_314_398_617, AT),
        File("eval.py", "f", 4198, AT),
        File("evil\x1b]0;x\x07[b]", "f", 5, AT),
    ]
    there = [
        File("ckpt", "d", 0, AT),
        File("log.txt", "f", 92_484_403, AT),
        File("out.parquet", "f", 1_395_864_371, AT),
    ]
    host = next(iter(engine.runtimes))
    for at in ("~", "/home/ana/work"):
        add(None, at, *here)
        engine.files.folders[None, at] = replace(
            engine.files.folders[None, at], path="/home/ana/work"
        )
        add(host, at, *there)
        engine.files.folders[host, at] = replace(engine.files.folders[host, at], path="/data/run7")
    add(None, "/home/ana/work/src", File("main.py", "f", 10, AT))
    add(host, "/data/run7", *there)
    moving = Progress("r1", host, True, "/home/ana/work/data.tar", "/data/run7/", "moving")
    engine.transfers._now["r1"] = replace(
        moving, done=8_267_940_986, total=13_314_398_617, rate=43e6, seconds=200
    )
    return engine


async def test_folders_are_entered_and_left(tmp_path: Path) -> None:
    async with shown(furnished(tmp_path)) as pilot:
        await pilot.press("4")
        await settle(pilot, "data.tar")
        await pilot.press("down", "enter")
        await settle(pilot, "main.py")
        await pilot.press("backspace")
        await settle(pilot, "data.tar")

        assert row_of(pilot.app, "src/").startswith("▌")


async def test_names_are_harmless_and_hidden_ones_come_when_asked_for(tmp_path: Path) -> None:
    async with shown(furnished(tmp_path)) as pilot:
        await pilot.press("4")
        await settle(pilot, "data.tar")

        assert "evil[b]" in text(pilot.app)
        assert ".hidden" not in text(pilot.app)

        await pilot.press("h")
        await settle(pilot, ".hidden")


async def test_what_is_marked_is_copied_to_the_other_side(tmp_path: Path) -> None:
    engine = furnished(tmp_path)
    async with shown(engine) as pilot:
        await pilot.press("4")
        await settle(pilot, "data.tar")
        await pilot.press("G", "up", "up", "space", "space")
        await settle(pilot, "2 marked")
        await pilot.press("c")
        await pilot.pause(0.05)

    (asked,) = [each for each in engine.asked if each[0] == "run_task"]
    assert asked[1] == (
        "send /home/ana/work/data.tar /data/run7/; send /home/ana/work/eval.py /data/run7/"
    )


async def test_files_come_from_the_host_when_that_side_has_the_focus(tmp_path: Path) -> None:
    engine = furnished(tmp_path)
    async with shown(engine) as pilot:
        await pilot.press("4")
        await settle(pilot, "log.txt")
        await pilot.press("tab", "G", "c")
        await pilot.pause(0.05)

    (asked,) = [each for each in engine.asked if each[0] == "run_task"]
    assert asked[1] == "get /data/run7/out.parquet /home/ana/work/"


async def test_a_folder_is_made_on_the_side_with_the_focus(tmp_path: Path) -> None:
    engine = furnished(tmp_path)
    async with shown(engine) as pilot:
        await pilot.press("4")
        await settle(pilot, "log.txt")
        await pilot.press("n", "n", "e", "w", "enter")
        await settle(pilot, "data.tar")

    assert engine.files.made == [(None, "/home/ana/work/new")]


@pytest.mark.parametrize("size", [(80, 24), (130, 34)], ids=["80x24", "130x34"])
def test_it_looks_so(size: tuple[int, int], tmp_path: Path, snap_compare) -> None:
    async def before(pilot) -> None:
        await pilot.pause()
        await pilot.press("4")
        await settle(pilot, "log.txt")
        await pilot.press("G", "up", "up", "space", "up")
        await settle(pilot, "1 marked")

    app = LazytuiApp(furnished(tmp_path), clock=STOPPED_CLOCK)
    assert snap_compare(app, terminal_size=size, run_before=before)
