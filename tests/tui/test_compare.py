"""The Compare screen: two outputs, and what differs between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lazytui.tui.app import LazytuiApp
from lazytui.tui.screens.compare import CompareScreen
from lazytui.tui.screens.task_output import TaskOutputScreen
from tests.tui.fake_engine import STOPPED_CLOCK, FakeEngine, up
from tests.tui.seen import row_of, settle, shown, text
from tests.tui.tasks_of_many import TASK, add_to_task

if TYPE_CHECKING:
    from pathlib import Path

    from textual.pilot import Pilot

GPU = """\
Timestamp                          : {at}
Driver Version                     : {driver}
CUDA Version                       : 12.2
{rest}
Persistence Mode                   : {mode}
Host                               : {host}
"""
REST = "\n".join(f"    Attribute {number:<22}: N/A" for number in range(40))


def report(host: str, *, driver: str = "535.161.08", mode: str = "Enabled", at: int = 1) -> bytes:
    return GPU.format(host=host, driver=driver, mode=mode, rest=REST, at=f"10:00:{at:02}").encode()


def three(folder: Path) -> FakeEngine:
    engine = FakeEngine(spool_dir=folder)
    for host in ("gpu01", "gpu02", "gpu03", "gpu04"):
        engine.add(up(host, 0.1, 0.1, 0.1))
    add_to_task(engine, "gpu01", output=report("gpu01"))
    add_to_task(engine, "gpu02", output=report("gpu02"))
    add_to_task(engine, "gpu03", output=report("gpu03", driver="535.104.05", mode="Disabled"))
    add_to_task(engine, "gpu04", output=report("gpu04", at=7))
    return engine


async def compared(pilot: Pilot[None], *, key: str = "down") -> None:
    pilot.app.push_screen(TaskOutputScreen(pilot.app.context, TASK))
    await settle(pilot, "reference")
    await pilot.press(key, "c")
    await settle(pilot, "differences")


async def test_a_group_is_compared_with_the_reference_line_by_line(tmp_path):
    async with shown(three(tmp_path), (100, 30)) as pilot:
        await compared(pilot)

        assert "gpu[01-02] (2)  ↔  gpu03 (1)" in text(pilot.app)
        assert "2 differences   1 of 2" in text(pilot.app)
        assert "535.161.08" in row_of(pilot.app, "2 -")
        assert "535.104.05" in row_of(pilot.app, "2 +")
        assert "··· 37 equal lines ···" in text(pilot.app)
        assert "ignoring host name" in text(pilot.app)


async def test_n_goes_from_difference_to_difference_and_enter_opens_what_is_put_away(tmp_path):
    async with shown(three(tmp_path)) as pilot:
        await compared(pilot)
        await pilot.press("n")
        await settle(pilot, "2 of 2")
        await pilot.press("N")
        await settle(pilot, "1 of 2")
        assert "Attribute 20 " not in text(pilot.app)
        await pilot.press(*["down"] * 4, "enter", *["down"] * 22)
        await settle(pilot, "Attribute 20 ")


async def test_what_is_ignored_is_chosen_and_read_again(tmp_path):
    async with shown(three(tmp_path)) as pilot:
        await compared(pilot)
        await pilot.press("h")
        await settle(pilot, "↔  gpu04 (1)")
        await settle(pilot, "1 difference ")
        await pilot.press("i", "p")
        await settle(pilot, "Ignore what is found by")
        await pilot.press("(", "enter")
        await settle(pilot, "cannot read the expression")
        await pilot.press("backspace", *"Timestamp.", "asterisk", "enter")
        await settle(pilot, "no difference")
        assert "/Timestamp.*/" in text(pilot.app)
        await pilot.press("i", "p")
        await settle(pilot, "1 difference ")
        await pilot.press("i", "d")
        await settle(pilot, "no difference")
        assert "ignoring host name, digits" in text(pilot.app)


async def test_the_sides_change_places_and_the_other_hosts_come_in_turn(tmp_path):
    async with shown(three(tmp_path)) as pilot:
        await compared(pilot)
        await pilot.press("equals_sign")
        await settle(pilot, "gpu03 (1)  ↔  gpu[01-02] (2)")
        await settle(pilot, "differences")
        assert "535.104.05" in row_of(pilot.app, "2 -")


async def test_a_run_is_compared_with_the_one_before_on_its_host(tmp_path):
    engine = FakeEngine(spool_dir=tmp_path)
    engine.add(up("gpu01", 0.1, 0.1, 0.1))
    engine.add_run("gpu01", "nvidia-smi -q", ago=3600, output=report("gpu01", driver="530.1"))
    engine.add_run("gpu01", "uptime", ago=1800, output=b"up\n")
    engine.add_run("gpu01", "nvidia-smi -q", ago=60, output=report("gpu01"))
    async with shown(engine, (100, 30)) as pilot:
        await pilot.press("l")
        await settle(pilot, "Persistence")
        await pilot.press("c")
        await settle(pilot, "#1 1h ago  ↔  #3 gpu01")
        await settle(pilot, "1 difference ")
        assert "530.1" in row_of(pilot.app, "2 -")
        await pilot.press("escape")
        await settle(pilot, "Tasks › #3")


async def test_a_run_without_another_has_nothing_to_be_compared_with(tmp_path):
    engine = FakeEngine(spool_dir=tmp_path)
    engine.add(up("gpu01", 0.1, 0.1, 0.1))
    engine.add_run("gpu01", "uptime", ago=60, output=b"up\n")
    async with shown(engine) as pilot:
        await pilot.press("l")
        await settle(pilot, "Tasks › #1")
        await pilot.press("c")
        await pilot.pause()
        assert not isinstance(pilot.app.screen, CompareScreen)
        assert "c compare" not in text(pilot.app)


async def test_a_comparison_is_saved_as_a_diff(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with shown(three(tmp_path)) as pilot:
        await compared(pilot)
        await pilot.press("S")
        await settle(pilot, "Save the comparison")
        await pilot.press("enter")
        await settle(pilot, "Saved to")
    saved = (tmp_path / "42-compared.diff").read_text().splitlines()
    assert saved[:2] == ["--- gpu[01-02] (2)", "+++ gpu03 (1)"]
    assert "-Persistence Mode                   : Enabled" in saved


@pytest.mark.parametrize("size", [(80, 24), (130, 34)], ids=["80x24", "130x34"])
def test_compare_looks_as_before(size, snap_compare, tmp_path):
    async def go(pilot: Pilot[None]) -> None:
        await pilot.pause()
        await compared(pilot)
        await pilot.press("n")
        await settle(pilot, "2 of 2")
        await pilot.pause(0.1)

    app = LazytuiApp(three(tmp_path), clock=STOPPED_CLOCK)
    assert snap_compare(app, terminal_size=size, run_before=go)
