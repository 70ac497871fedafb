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
        character = " " if key == "space" else key if len(key) == 1 else None
        app.post_message(events.Key(key, character))


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


async def test_enter_never_overtakes_the_end_of_a_command():
    engine = lab()
    command = "echo one two three; sleep 1"
    async with shown(engine) as pilot:
        await pilot.press("r")
        type_at_once(pilot.app, *("space" if c == " " else c for c in command), "enter")
        await settle(pilot, "#1")
        assert [asked[1] for asked in engine.asked] == [command]


async def test_keys_between_fields_keep_their_order():
    async with shown(lab()) as pilot:
        type_at_once(pilot.app, "r", *"abc", "left", "left", *"XY", "end", "d", "ctrl+u", *"ef")
        await settle(pilot, "ef")
        assert pilot.app.screen.focused.value == "ef"


async def test_a_pasted_command_is_whole_before_enter_runs_it():
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("r")
        await pilot.pause()
        pilot.app.post_message(events.Paste("echo pasted " * 50))
        type_at_once(pilot.app, "enter")
        await settle(pilot, "#1")
        assert engine.asked[0][1].count("pasted") == 50


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
