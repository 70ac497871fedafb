"""Keys typed faster than the screens follow go where they were meant to go."""

from __future__ import annotations

import pytest
from textual import events
from textual.widgets import Input

from lazytui.tui.screens.hosts import HostsScreen
from tests.tui.fake_engine import lab, with_runs
from tests.tui.seen import settle, shown, text


def type_at_once(app, *keys: str) -> None:
    """Put keys into the app's queue as one read of the terminal does."""
    for key in keys:
        app.post_message(events.Key(key, key if len(key) == 1 else None))


async def test_letters_after_the_key_of_the_filter_are_letters_of_the_filter():
    engine = lab()
    async with shown(engine) as pilot:
        type_at_once(pilot.app, "slash", *"gpu02")
        await settle(pilot, "/ gpu02")
        assert isinstance(pilot.app.screen, HostsScreen)
        assert engine.asked == []


@pytest.mark.parametrize("word", ["root", "xX", "Dn2q"])
async def test_none_of_them_does_what_it_does_in_the_list(word, tmp_path):
    engine = with_runs(lab(tmp_path))
    async with shown(engine) as pilot:
        type_at_once(pilot.app, "slash", *word)
        await settle(pilot, f"/ {word}")
        assert isinstance(pilot.app.screen, HostsScreen)
        assert pilot.app.is_running


async def test_a_command_typed_with_its_sheet_is_whole():
    async with shown(lab()) as pilot:
        type_at_once(pilot.app, "r", *"echo", "space", *"abcdef")
        await settle(pilot, "echo")
        await settle(pilot, "abcdef")


async def test_a_command_found_in_the_palette_in_one_go_is_done():
    async with shown(lab()) as pilot:
        type_at_once(pilot.app, "colon", *"theme")
        await settle(pilot, "Theme: light")
        assert pilot.app.screen.query_one(Input).value == "theme"


async def test_a_menu_takes_the_key_after_the_one_that_opened_it(tmp_path):
    engine = with_runs(lab(tmp_path))
    async with shown(engine) as pilot:
        await pilot.press("l")
        await settle(pilot, "epoch 4")
        type_at_once(pilot.app, "x", "t")
        await pilot.pause(0.2)
        assert [asked[0] for asked in engine.asked] in (["stop_run"], ["stop_runs"])


async def test_moving_in_a_list_is_as_it_was():
    async with shown(lab()) as pilot:
        type_at_once(pilot.app, *"jjjk", "space")
        await settle(pilot, "1 marked")
        assert "gpu03" in text(pilot.app)
        assert pilot.app.screen.table.marked == ["gpu03"]
