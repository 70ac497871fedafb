"""Hosts on a wide terminal: the last tasks below the table, and the output of the current host."""

from __future__ import annotations

import pytest

from lazytui.core.model import RunState
from lazytui.tui.widgets.task_strip import LINES, last_tasks, strip_lines
from tests.tui.fake_engine import lab, with_runs
from tests.tui.seen import row_of, settle, shown, text

WIDE = (140, 40)


async def test_a_wide_terminal_shows_the_last_tasks_and_the_output_of_the_current_host(tmp_path):
    async with shown(with_runs(lab(tmp_path)), size=WIDE) as pilot:
        await settle(pilot, "epoch 4")
        assert "running" in row_of(pilot.app, "Tasks  1 running")
        assert "#6" in row_of(pilot.app, "02:14:07  ▸")


async def test_a_host_on_which_nothing_ran_has_the_room_for_itself(tmp_path):
    async with shown(with_runs(lab(tmp_path)), size=WIDE) as pilot:
        await settle(pilot, "epoch 4")
        await pilot.press("/", *"bastion", "enter")
        await settle(pilot, "1 of 11")
        await pilot.pause(0.3)
        assert "Output" not in text(pilot.app)


@pytest.mark.parametrize("size", [(129, 40), (140, 29)], ids=["narrow", "low"])
async def test_without_room_there_is_the_table_only(size, tmp_path):
    async with shown(with_runs(lab(tmp_path)), size=size) as pilot:
        await pilot.pause(0.2)
        assert "epoch 4" not in text(pilot.app)
        assert "1 running" not in text(pilot.app)


async def test_a_terminal_that_grows_and_shrinks_gains_and_loses_them(tmp_path):
    async with shown(with_runs(lab(tmp_path)), size=(80, 24)) as pilot:
        await pilot.resize_terminal(*WIDE)
        await settle(pilot, "epoch 4")
        await pilot.resize_terminal(80, 24)
        await pilot.pause()
        assert "epoch 4" not in text(pilot.app)
        await pilot.resize_terminal(*WIDE)
        await settle(pilot, "epoch 4")


async def test_new_output_is_seen_as_it_comes(tmp_path):
    engine = with_runs(lab(tmp_path))
    async with shown(engine, size=WIDE) as pilot:
        await settle(pilot, "epoch 4")
        run = next(r for r in engine.runs.records(50) if r.state is RunState.RUNNING)
        engine.write(run.run_id, b"epoch 5 loss 0.39 \x1b[31m[/x]\n")
        await settle(pilot, "epoch 5 loss 0.39 [/x]")


async def test_the_zoomed_table_has_all_the_room_and_gives_it_back(tmp_path):
    async with shown(with_runs(lab(tmp_path)), size=WIDE) as pilot:
        await settle(pilot, "epoch 4")
        await pilot.press("z")
        await pilot.pause()
        assert "epoch 4" not in text(pilot.app)
        assert "1 running" not in text(pilot.app)
        await pilot.press("z")
        await settle(pilot, "epoch 4")


async def test_a_click_on_the_tasks_shows_all_of_them(tmp_path):
    async with shown(with_runs(lab(tmp_path)), size=WIDE) as pilot:
        await settle(pilot, "epoch 4")
        await pilot.click("#host-tasks")
        await settle(pilot, "2 Tasks")
        assert type(pilot.app.screen).__name__ == "TasksScreen"


def test_what_runs_comes_before_what_is_over():
    tasks = last_tasks(with_runs(lab()).runs.records(50))
    over = [task.is_over for task in tasks]
    assert over == sorted(over)
    assert len(tasks) == LINES


@pytest.mark.parametrize("cells", [10, 30, 60, 120])
def test_lines_are_as_wide_as_the_room(cells):
    lines = strip_lines(last_tasks(with_runs(lab()).runs.records(50)), cells, 0.0)
    assert all(sum(len(piece.text) for piece in line) <= cells for line in lines)
