"""Files: two folders beside each other, and what is copied between them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lazytui.core.files import File
from lazytui.core.model import RunState
from lazytui.core.transfer.progress import Progress
from lazytui.errors import TransferError
from lazytui.tui.app import LazytuiApp
from lazytui.tui.screens import file_view
from tests.tui.fake_engine import NOW, STOPPED_CLOCK, FakeEngine, lab
from tests.tui.seen import row_of, settle, shown, text

if TYPE_CHECKING:
    from pathlib import Path

    from textual.pilot import Pilot

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


async def test_f_on_a_host_shows_its_files_and_a_number_leaves_them_there(tmp_path: Path) -> None:
    async with shown(furnished(tmp_path)) as pilot:
        await pilot.press("down", "f")
        await settle(pilot, "data.tar")
        chosen = pilot.app.screen.there.host
        await pilot.press("1", "up", "4")
        await settle(pilot, "data.tar")
        assert pilot.app.screen.there.host == chosen
        await pilot.press("1", "f")
        await pilot.pause()
        assert pilot.app.screen.there.host != chosen


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


# --- single files ------------------------------------------------------------------------


async def at_there(pilot: Pilot[None], *keys: str) -> None:
    """Go to the side of the host, and press keys."""
    await pilot.press("4")
    await settle(pilot, "out.parquet")
    await pilot.press("tab", *keys)
    await pilot.pause()


async def test_a_file_of_a_host_is_read_from_its_beginning(tmp_path: Path) -> None:
    engine = furnished(tmp_path)
    host = next(iter(engine.runtimes))
    text_of = b"".join(b"line %d \x1b]0;evil\x07\n" % number for number in range(100_000))
    engine.files.texts[host, "/data/run7/log.txt"] = text_of
    async with shown(engine) as pilot:
        await at_there(pilot, "down", "down", "enter")
        await settle(pilot, "line 0")
        assert "Files › " in text(pilot.app)
        assert "evil" not in text(pilot.app)
        await pilot.press("slash", *"line 99999", "enter")
        await settle(pilot, "1 match")
        await settle(pilot, "line 99999")
        await pilot.press("escape", "escape")
        await settle(pilot, "out.parquet")


async def test_of_a_huge_file_the_beginning_is_shown_and_said_to_be_that(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_view, "MOST_BYTES", 300_000)
    engine = furnished(tmp_path)
    host = next(iter(engine.runtimes))
    engine.files.texts[host, "/data/run7/log.txt"] = b"x" * 99 * 10_000
    async with shown(engine) as pilot:
        await at_there(pilot, "down", "down", "enter")
        await settle(pilot, "the first 512K of 967K: to read on, copy it (c)")


async def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    engine = furnished(tmp_path)

    async def refuse(*_args: object) -> None:
        raise TransferError("gpu01:/data/run7/log.txt: Permission denied")

    engine.files.read = refuse
    async with shown(engine) as pilot:
        await at_there(pilot, "down", "down", "enter")
        await settle(pilot, "Permission denied")
        await pilot.press("q")
        await settle(pilot, "out.parquet")


async def test_a_file_is_renamed_or_moved_and_several_go_into_a_folder(tmp_path: Path) -> None:
    engine = furnished(tmp_path)
    host = next(iter(engine.runtimes))
    async with shown(engine) as pilot:
        await at_there(pilot, "down", "down", "m")
        await settle(pilot, "Rename or move")
        await pilot.press(*".old", "enter")
        await pilot.pause(0.1)
        await pilot.press("asterisk", "m")
        await settle(pilot, "Move 3 files and folders")
        await pilot.press(*"ckpt/", "enter")
        await pilot.pause(0.1)
        assert engine.files.asked[0] == (
            "rename", host, "/data/run7/log.txt", "/data/run7/log.txt.old",
        )  # fmt: skip
        assert engine.files.asked[-1][2:] == (
            "/data/run7/out.parquet", "/data/run7/ckpt/out.parquet",
        )  # fmt: skip


async def test_nothing_is_deleted_before_yes(tmp_path: Path) -> None:
    engine = furnished(tmp_path)
    host = next(iter(engine.runtimes))
    async with shown(engine) as pilot:
        await at_there(pilot, "down", "space", "down", "space", "D")
        await settle(pilot, "Delete 2 files and folders on gpu01?")
        assert "ckpt/ with all that is in it" in text(pilot.app)
        await pilot.press("n")
        await pilot.pause()
        assert engine.files.asked == []
        engine.files.problems = ("/data/run7/ckpt/x: Operation not permitted",)
        await pilot.press("D", "y")
        await settle(pilot, "2 entries are gone, not all:")
        assert engine.files.asked == [
            ("remove", host, "/data/run7/ckpt", "/data/run7/out.parquet"),
        ]


async def test_a_folder_is_gone_to_by_its_path_and_a_wrong_one_leaves_all(tmp_path: Path) -> None:
    engine = furnished(tmp_path)
    host = next(iter(engine.runtimes))
    engine.files.add(host, "/data/other", File("found", "f", 1, AT))
    async with shown(engine) as pilot:
        await at_there(pilot, "p", *["backspace"] * 4, *"other", "enter")
        await settle(pilot, "found")
        await pilot.press("p", *"x", "enter")
        await settle(pilot, "No such file or directory")
        assert "found" in text(pilot.app)


async def test_files_are_sorted_by_what_one_asks_for(tmp_path: Path) -> None:
    async with shown(furnished(tmp_path), (100, 24)) as pilot:
        await at_there(pilot, "o", "s")
        await settle(pilot, "▼size")
        shown_rows = text(pilot.app)
        assert shown_rows.index("ckpt/") < shown_rows.index("out.parquet")
        assert shown_rows.index("out.parquet") < shown_rows.index("log.txt")
        await pilot.press("O")
        await settle(pilot, "▲size")
        assert text(pilot.app).index("log.txt") < text(pilot.app).index("out.parquet")


# --- transfers ---------------------------------------------------------------------------


async def test_transfers_that_broke_go_on_and_others_are_stopped(tmp_path: Path) -> None:
    engine = furnished(tmp_path)
    host = next(iter(engine.runtimes))
    moving = engine.add_run(host, "send data.tar", ago=200)
    broke = engine.add_run(host, "send src", state=RunState.FAILED, reason="no space", ago=90)
    first = engine.transfers._now.pop("r1")
    engine.transfers._now[broke.run_id] = replace(
        first, run_id=broke.run_id, source="/home/ana/work/src", phase="over"
    )
    engine.transfers._now[moving.run_id] = replace(first, run_id=moving.run_id)
    async with shown(engine, (100, 24)) as pilot:
        await pilot.press("4")
        await settle(pilot, "out.parquet")
        await pilot.press("t")
        await settle(pilot, "Files › Transfers")
        row = row_of(pilot.app, "▸ moving")
        assert " 62% " in row
        assert "41M/s" in row
        assert "1m 57s" in row
        assert "r go on" not in text(pilot.app)
        await pilot.press("down")
        await settle(pilot, "r go on")
        assert "no space" in text(pilot.app)
        await pilot.press("r")
        await pilot.pause(0.1)
        assert engine.asked == [("run_again", broke.task_id, (host,))]
        await pilot.press("escape")
        await settle(pilot, "out.parquet")
