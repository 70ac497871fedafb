"""The palette: what can be done here, found by a few letters."""

from __future__ import annotations

import pytest

from lazytui.tui.keymap import keys_of
from lazytui.tui.screens.hosts import HostsScreen
from lazytui.tui.screens.palette import PaletteScreen
from lazytui.tui.screens.tasks import TasksScreen
from tests.tui.fake_engine import lab, with_runs
from tests.tui.seen import rows, settle, shown, text


async def opened(pilot, typed: str = "") -> None:
    await pilot.press("colon")
    await settle(pilot, "a command")
    for letter in typed:
        await pilot.press("space" if letter == " " else letter)
    await pilot.pause()


@pytest.mark.parametrize("key", ["colon", "ctrl+p"])
async def test_the_palette_offers_everything_that_can_be_done_here(key):
    async with shown(lab(), (100, 50)) as pilot:
        await pilot.press(key)
        await settle(pilot, "a command")
        seen = text(pilot.app)
        assert [key.help for key in keys_of("hosts", "tab") if key.help not in seen] == []


async def test_a_few_letters_find_it_and_enter_does_it():
    async with shown(lab()) as pilot:
        await opened(pilot, "gotask")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, TasksScreen)


async def test_what_matches_best_comes_first():
    async with shown(lab()) as pilot:
        await opened(pilot, "mark all")
        first = next(row for row in rows(pilot.app) if "▌" in row and "*" in row)
        assert "Mark all hosts" in first


async def test_arrows_and_pages_choose_while_typing_goes_on():
    async with shown(lab()) as pilot:
        await opened(pilot, "go to")
        await pilot.press("pagedown", "pageup", "down", "enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, TasksScreen)


async def test_what_cannot_be_done_now_stays_where_it_is():
    async with shown(lab()) as pilot:
        pilot.app.engine.questions.clear()
        await opened(pilot, "answer the questions")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, PaletteScreen)


async def test_escape_and_a_click_beside_it_do_nothing():
    engine = lab()
    async with shown(engine) as pilot:
        await opened(pilot, "run")
        await pilot.press("escape")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HostsScreen)
        await opened(pilot, "run")
        await pilot.click(offset=(1, 22))
        await pilot.pause()
        assert isinstance(pilot.app.screen, HostsScreen)
        assert engine.asked == []


async def test_a_click_does_what_enter_does():
    async with shown(lab()) as pilot:
        await opened(pilot, "tasks")
        row = next(n for n, row in enumerate(rows(pilot.app)) if "Go to Tasks" in row)
        await pilot.click(offset=(20, row))
        await pilot.pause()
        assert isinstance(pilot.app.screen, TasksScreen)


@pytest.mark.parametrize("typed", ["hosts gpu02", ":hosts  gpu02", "Hosts gpu02"])
async def test_hosts_with_a_filter_goes_there_and_filters(typed):
    async with shown(with_runs(lab())) as pilot:
        await pilot.press("2")
        await pilot.press("colon")
        await settle(pilot, "a command")
        pilot.app.screen.query_one("Input").value = typed
        await settle(pilot, "Hosts that match  gpu02")
        await pilot.press("enter")
        await settle(pilot, "1 of 1")
        assert isinstance(pilot.app.screen, HostsScreen)
        assert "gpu01" not in text(pilot.app)


@pytest.mark.parametrize(
    "typed",
    ["x" * 10_000, "e" * 200, "[bold]x[/] [@click=app.quit]y[/]", "hosts " + "(" * 5000, "\x1b[2J"],
)
async def test_odd_input_harms_nothing(typed):
    async with shown(lab(), (40, 10)) as pilot:
        await pilot.press("colon")
        await settle(pilot, "hosts")
        pilot.app.screen.query_one("Input").value = typed
        await pilot.pause()
        assert len(rows(pilot.app)) == 10
        await pilot.press("enter", "escape", "escape")
        await pilot.pause()
        assert pilot.app.is_running
