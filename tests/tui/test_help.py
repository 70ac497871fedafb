"""The help: every key of the screen below, each to be done from here."""

from __future__ import annotations

import pytest

from lazytui.tui.keymap import keys_of
from lazytui.tui.screens.help import HelpScreen
from lazytui.tui.screens.hosts import HostsScreen
from lazytui.tui.screens.tasks import TasksScreen
from lazytui.tui.widgets.entry_list import EntryList
from tests.tui.fake_engine import lab, with_runs
from tests.tui.seen import rows, settle, shown, text


def highlighted(app) -> str:
    """Give the sentence that is highlighted in the help."""
    return app.screen.query_one(EntryList).chosen.text


@pytest.mark.parametrize("way", [(), ("2",), ("l",)])
async def test_the_help_lists_every_key_of_the_screen_below(way, tmp_path):
    async with shown(with_runs(lab(tmp_path)), (100, 80)) as pilot:
        await pilot.press(*way)
        await pilot.pause()
        scopes = pilot.app.screen.scopes
        await pilot.press("question_mark")
        await settle(pilot, "Everywhere")
        seen = text(pilot.app)
        assert [key.help for key in keys_of(*scopes) if key.help not in seen] == []


@pytest.mark.parametrize("key", ["escape", "q", "question_mark"])
async def test_f1_opens_the_help_too_and_it_closes_again(key):
    async with shown(lab()) as pilot:
        await pilot.press("f1")
        await settle(pilot, "enter do it")
        await pilot.press(key)
        await pilot.pause()
        assert isinstance(pilot.app.screen, HostsScreen)


async def test_enter_does_what_is_highlighted_on_the_screen_below():
    engine = lab()
    async with shown(engine, (100, 60)) as pilot:
        await pilot.press("question_mark")
        await settle(pilot, "Everywhere")
        while "Go to Tasks" not in highlighted(pilot.app):
            await pilot.press("j")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, TasksScreen)


async def test_a_click_does_what_is_clicked():
    async with shown(lab(), (100, 60)) as pilot:
        await pilot.press("question_mark")
        await settle(pilot, "Everywhere")
        row = next(n for n, row in enumerate(rows(pilot.app)) if "Mark all hosts" in row)
        await pilot.click(offset=(30, row))
        await settle(pilot, f"{len(pilot.app.engine.runtimes)} marked")


async def test_what_cannot_be_done_now_is_not_done():
    engine = lab()
    engine.questions.clear()
    async with shown(engine, (100, 60)) as pilot:
        await pilot.press("question_mark")
        await settle(pilot, "Everywhere")
        while "Answer the questions" not in highlighted(pilot.app):
            await pilot.press("down")
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HelpScreen)


async def test_every_way_of_moving_stays_inside_the_list():
    async with shown(lab(), (40, 10)) as pilot:
        await pilot.press("question_mark")
        await settle(pilot, "enter do it")
        first = text(pilot.app)
        await pilot.press("up", "k", "pageup", "ctrl+u", "g", "home")
        assert text(pilot.app) == first
        await pilot.press("end", "j", "down", "pagedown", "ctrl+d", "G")
        await settle(pilot, "ctrl+c")
        await pilot.press("home")
        assert text(pilot.app) == first
