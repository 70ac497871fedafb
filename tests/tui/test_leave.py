"""Leaving asks only when something would stop, and says what goes on."""

from __future__ import annotations

import pytest

from lazytui.core.model import RunState
from lazytui.tui.screens.hosts import HostsScreen
from lazytui.tui.screens.leave import LeaveScreen
from tests.tui.fake_engine import lab
from tests.tui.seen import settle, shown, text


def with_batches():
    """Give a lab with a task that runs and one of which some runs wait for their turn."""
    engine = lab()
    engine.add_run("gpu01", "python train.py", ago=60)
    for number in range(2, 9):
        engine.add_run(f"gpu{number:02}", "make bench", state=RunState.QUEUED)
    for run_id, record in list(engine.runs.by_id.items())[1:]:
        engine.change_run(run_id, task_id=2, host=record.host)
    return engine


@pytest.mark.parametrize("keys", [("q",), ("ctrl+q",), ("2", "q"), ("2", "ctrl+q")])
async def test_leaving_with_runs_that_have_not_begun_asks_first(keys):
    async with shown(with_batches()) as pilot:
        await pilot.press(*keys)
        await settle(pilot, "Leave lazytui?")
        seen = text(pilot.app)
        assert "Not started yet" in seen
        assert "#2 make bench · gpu[02-08]" in seen
        assert "found again under Tasks" in seen
        assert "#1 python train.py · gpu01" in seen
        assert pilot.app.is_running


@pytest.mark.parametrize("keys", [("q",), ("ctrl+q",), ("down", "enter")])
async def test_leaving_is_then_meant(keys):
    async with shown(with_batches()) as pilot:
        await pilot.press("q")
        await settle(pilot, "Leave lazytui?")
        await pilot.press(*keys)
        await pilot.pause()
        assert pilot.app._exit


@pytest.mark.parametrize("keys", [("escape",), ("enter", "x", "escape")])
async def test_staying_is_one_key_and_nothing_happened(keys):
    async with shown(with_batches()) as pilot:
        await pilot.press("q")
        await settle(pilot, "Leave lazytui?")
        await pilot.press(*keys)
        await pilot.pause()
        assert isinstance(pilot.app.screen, HostsScreen)
        assert not pilot.app._exit


async def test_leaving_while_jobs_only_run_on_hosts_asks_nothing():
    engine = lab()
    engine.add_run("gpu01", "python train.py", ago=60)
    async with shown(engine) as pilot:
        await pilot.press("q")
        await pilot.pause()
        assert pilot.app._exit


async def test_leaving_with_a_tunnel_says_that_it_stops():
    engine = lab()
    engine.needs.hold("tunnel 8888 to gpu01\x1b[2J")
    async with shown(engine) as pilot:
        await pilot.press("q")
        await settle(pilot, "Leave lazytui?")
        assert "Stops; it is back when lazytui is started again" in text(pilot.app)
        assert "tunnel 8888 to gpu01" in text(pilot.app)
        assert "Not started yet" not in text(pilot.app)
        await pilot.press("escape")
        assert not pilot.app._exit


async def test_ctrl_q_works_over_a_sheet_with_text_in_it():
    async with shown(with_batches()) as pilot:
        await pilot.press("r", *"upti", "ctrl+q")
        await settle(pilot, "Leave lazytui?")
        await pilot.press("ctrl+q")
        await pilot.pause()
        assert pilot.app._exit


async def test_many_tasks_are_counted_and_names_from_outside_are_tame():
    engine = lab()
    for number in range(9):
        engine.add_run("gpu01", f"[bold]x{number}\x1b[2J" + "y" * 200, state=RunState.QUEUED)
    async with shown(engine, (40, 10)) as pilot:
        await pilot.press("q")
        await settle(pilot, "Leave lazytui?")
        assert isinstance(pilot.app.screen, LeaveScreen)
        assert "[bold]x0" in text(pilot.app)
        assert "q  leave" in text(pilot.app)
