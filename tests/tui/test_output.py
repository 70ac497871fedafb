"""Output of one run: live, with its state, and how it ended."""

from __future__ import annotations

from lazytui.core.model import RunState
from lazytui.tui.screens.output import OutputScreen
from lazytui.tui.screens.tasks import TasksScreen
from lazytui.tui.widgets.log_view import LogView
from tests.tui.fake_engine import NOW, lab, with_runs
from tests.tui.seen import rows, settle, shown, text

TRAIN = f"{6:032x}"


async def test_the_header_says_what_where_and_how_it_stands(tmp_path):
    async with shown(with_runs(lab(tmp_path))) as pilot:
        await pilot.press("l")
        await settle(pilot, "Tasks › #6 python train.py --lr 3e-4 · gpu01")
        assert rows(pilot.app)[0].endswith("▸ running  02:14:07")


async def test_new_output_is_seen_without_a_key(tmp_path):
    engine = with_runs(lab(tmp_path))
    async with shown(engine) as pilot:
        await pilot.press("l")
        await settle(pilot, "epoch 4 loss 0.412")
        engine.write(TRAIN, b"epoch 5 loss 0.39\n")
        await settle(pilot, "epoch 5 loss 0.39")


async def test_output_that_came_while_another_screen_was_shown_is_there(tmp_path):
    engine = with_runs(lab(tmp_path))
    async with shown(engine) as pilot:
        await pilot.press("l")
        await settle(pilot, "epoch 4")
        await pilot.press("2")
        await settle(pilot, "#6  ▸ running")
        engine.write(TRAIN, b"epoch 5 loss 0.39\n")
        await pilot.press("1")
        await settle(pilot, "epoch 5 loss 0.39")


async def test_the_end_of_a_run_is_told_with_its_exit_code(tmp_path):
    engine = with_runs(lab(tmp_path))
    async with shown(engine) as pilot:
        await pilot.press("l")
        await settle(pilot, "▸ running")
        engine.change_run(TRAIN, state=RunState.FAILED, exit_status=137, ended=NOW)
        await settle(pilot, "✗ failed  exit 137  after 02:14:07")
        assert "x stop" not in rows(pilot.app)[-1]


async def test_a_lost_run_is_explained(tmp_path):
    engine = with_runs(lab(tmp_path))
    async with shown(engine) as pilot:
        await pilot.press("l")
        engine.change_run(TRAIN, state=RunState.LOST, reason="host was rebooted")
        await settle(pilot, "? lost  host was rebooted · its exit status is not known")


async def test_a_reason_while_running_is_told(tmp_path):
    engine = with_runs(lab(tmp_path))
    async with shown(engine) as pilot:
        await pilot.press("l")
        engine.change_run(TRAIN, reason="connection lost, reconnecting")
        await settle(pilot, "connection lost, reconnecting")


async def test_keys_scroll_the_text_and_leave_or_take_up_the_end(tmp_path):
    engine = lab(tmp_path)
    lines = b"".join(b"line %d\n" % number for number in range(500))
    engine.add_run("gpu01", "seq 500", output=lines)
    async with shown(engine) as pilot:
        await pilot.press("l")
        await settle(pilot, "line 499")
        assert "following" in rows(pilot.app)[-2]
        await pilot.press("g")
        await settle(pilot, "▲ paused · G to follow")
        assert "line 0" in rows(pilot.app)[2]
        await pilot.press("j", "down", "j", "k")
        await settle(pilot, "line 2")
        assert "line 2" in rows(pilot.app)[2]
        await pilot.press("space")
        await settle(pilot, "line 30")
        for key in ("pageup", "ctrl+u", "home"):
            await pilot.press(key)
        await settle(pilot, "line 0\n")
        await pilot.press("ctrl+d", "pagedown", "left", "right", "up")
        assert not pilot.app.screen.query_one(LogView).follow
        await pilot.press("G")
        await settle(pilot, "line 499")
        await pilot.press("up", "f")
        await settle(pilot, "line 499")
        assert pilot.app.screen.query_one(LogView).follow
        await pilot.press("f")
        await settle(pilot, "▲ paused")


async def test_x_stops_the_run(tmp_path):
    engine = with_runs(lab(tmp_path))
    async with shown(engine) as pilot:
        await pilot.press("l", "x")
        await settle(pilot, "Stop #6 on gpu01?")
        await pilot.press("t")
        await settle(pilot, "Tasks › #6")
        assert engine.asked == [("stop_run", TRAIN, "TERM")]


async def test_escape_and_q_go_back_to_where_the_output_was_asked_for(tmp_path):
    async with shown(with_runs(lab(tmp_path))) as pilot:
        for key in ("escape", "q"):
            await pilot.press("2")
            await settle(pilot, "#6")
            pilot.app.screen.set_filter("train")
            await pilot.press("enter")
            await settle(pilot, "epoch 4")
            await pilot.press(key)
            await settle(pilot, "#6  ▸ running")
            assert isinstance(pilot.app.screen, TasksScreen)


async def test_two_keys_that_arrive_together_take_only_this_screen_away(tmp_path):
    async with shown(with_runs(lab(tmp_path))) as pilot:
        await pilot.press("space", "k", "l")
        await settle(pilot, "epoch 4")
        output = pilot.app.screen
        output.action_back()
        output.action_back()
        await settle(pilot, "1 marked")


async def test_a_run_without_a_spool_has_no_text(tmp_path):
    engine = lab()
    engine.add_run("gpu01", "ls", state=RunState.FAILED, reason="refused")
    async with shown(engine) as pilot:
        await pilot.press("l")
        await settle(pilot, "✗ failed  refused")
        assert isinstance(pilot.app.screen, OutputScreen)
        assert "No output so far." in text(pilot.app)


async def test_a_run_that_the_engine_no_longer_keeps_stays_on_the_screen(tmp_path):
    engine = with_runs(lab(tmp_path))
    async with shown(engine) as pilot:
        await pilot.press("l")
        await settle(pilot, "epoch 4")
        del engine.runs.by_id[TRAIN]
        pilot.app.screen.rebuild()
        await settle(pilot, "#6 python train.py")
