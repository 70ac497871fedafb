"""Tasks: the runs, newest first, and what their keys do."""

from __future__ import annotations

import pytest

from lazytui.core.model import RunState
from lazytui.tui.screens.hosts import HostsScreen
from lazytui.tui.screens.tasks import TasksScreen
from tests.tui.fake_engine import NOW, lab, with_runs
from tests.tui.seen import row_of, rows, settle, shown, text


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("eval.py", "#7 ○ queued python eval.py gpu03"),
        ("train.py", "#6 ▸ running python train.py --lr 3e-4 gpu01 02:14:07"),
        ("sleep", "#5 ✗ cancelled sleep 600 gpu02 exit 130 1m 01s"),
        ("make -j8", "#4 ✗ failed make -j8 all cpu02 exit 2 3m 11s"),
        ("uptime", "#3 ✗ failed uptime node07 no answer in 5 s"),
        ("df -h", "#2 ✓ done df -h /data cpu01 exit 0 0.3s"),
        ("bench", "#1 ? lost make bench gpu04 host was rebooted"),
    ],
)
async def test_a_run_is_one_row_with_its_state_and_result(command, said):
    async with shown(with_runs(lab())) as pilot:
        await pilot.press("2", "end")
        await settle(pilot, "7 of 7")
        assert " ".join(row_of(pilot.app, command).strip("▌ ").split()) == said


async def test_the_details_explain_a_lost_run():
    async with shown(with_runs(lab()), (130, 34)) as pilot:
        await pilot.press("2", "G")
        await settle(
            pilot,
            "? lost  host was rebooted · its exit status is not known; the output so far is kept",
        )


async def test_the_header_counts_what_needs_a_look_first():
    async with shown(with_runs(lab())) as pilot:
        await pilot.press("2")
        await settle(pilot, "1 running · 1 queued · 2 failed · 1 lost")


async def test_a_run_that_ends_is_seen_without_a_key():
    engine = with_runs(lab())
    async with shown(engine) as pilot:
        await pilot.press("2")
        await settle(pilot, "#6  ▸ running")
        engine.change_run(f"{6:032x}", state=RunState.SUCCEEDED, exit_status=0, ended=NOW)
        await settle(pilot, "#6  ✓ done")


async def test_a_new_run_does_not_move_the_cursor_from_its_run():
    engine = with_runs(lab())
    async with shown(engine) as pilot:
        await pilot.press("2", "j")
        engine.add_run("cpu01", "uname -a", publish=True)
        await settle(pilot, "#8")
        assert row_of(pilot.app, "train.py").startswith("▌")


async def test_runs_made_while_another_screen_was_shown_are_there():
    engine = with_runs(lab())
    async with shown(engine) as pilot:
        await pilot.press("2", "1")
        engine.add_run("cpu01", "uname -a", publish=True)
        await pilot.press("2")
        await settle(pilot, "uname -a")


@pytest.mark.parametrize("key", ["l", "enter"])
async def test_l_and_enter_show_the_output(key, tmp_path):
    async with shown(with_runs(lab(tmp_path))) as pilot:
        await pilot.press("2", "j", key)
        await settle(pilot, "epoch 4 loss 0.412")


@pytest.mark.parametrize(
    ("keys", "signal"),
    [("i", "INT"), ("t", "TERM"), ("k", "KILL"), (("enter",), "INT"), (("down", "enter"), "TERM"),
     (("up", "enter"), "KILL")],
)  # fmt: skip
async def test_x_asks_for_a_signal_and_sends_it(keys, signal):
    engine = with_runs(lab())
    async with shown(engine) as pilot:
        await pilot.press("2", "j", "x")
        await settle(pilot, "Stop #6 on gpu01?")
        await pilot.press(*keys)
        await settle(pilot, "#6  ▸ running")
        assert engine.asked == [("stop_run", f"{6:032x}", signal)]


async def test_escape_in_the_stop_menu_stops_nothing():
    engine = with_runs(lab())
    async with shown(engine) as pilot:
        await pilot.press("2", "j", "x", "escape")
        await settle(pilot, "#6  ▸ running")
        assert engine.asked == []


async def test_a_click_on_a_signal_sends_it_and_one_beside_the_menu_goes_back():
    engine = with_runs(lab())
    async with shown(engine) as pilot:
        await pilot.press("2", "j", "x")
        await settle(pilot, "Stop #6")
        await pilot.click("#choices", offset=(4, 1))
        await settle(pilot, "#6  ▸ running")
        assert engine.asked == [("stop_run", f"{6:032x}", "TERM")]
        await pilot.press("x")
        await settle(pilot, "Stop #6")
        await pilot.click(offset=(0, 0))
        await settle(pilot, "#6  ▸ running")
        assert len(engine.asked) == 1


async def test_a_run_that_has_ended_cannot_be_stopped_and_x_is_not_offered():
    async with shown(with_runs(lab())) as pilot:
        await pilot.press("2", "G", "x")
        await pilot.pause()
        assert isinstance(pilot.app.screen, TasksScreen)
        assert "x stop" not in rows(pilot.app)[-1]


async def test_escape_goes_back_to_the_hosts():
    async with shown(with_runs(lab())) as pilot:
        await pilot.press("2", "escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HostsScreen)


async def test_q_quits():
    async with shown(with_runs(lab())) as pilot:
        await pilot.press("2", "q")
        await pilot.pause()
        assert not pilot.app.is_running


async def test_without_runs_the_screen_says_how_to_make_one():
    async with shown(lab()) as pilot:
        await pilot.press("2")
        await settle(pilot, "r on a host runs a command there: try uptime")
        assert "1 of" not in text(pilot.app)
