"""Keys typed faster than the screens follow go where they were meant to go."""

from __future__ import annotations

import asyncio

import pytest
from textual import events
from textual.widgets import Input

from lazytui.core.files import File
from lazytui.tui.screens.hosts import HostsScreen
from tests.tui.fake_engine import lab, with_runs
from tests.tui.seen import settle, shown, text
from tests.tui.test_files import furnished


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


async def test_keys_after_the_one_that_goes_to_files_work_on_the_files(tmp_path):
    engine = furnished(tmp_path)
    async with shown(engine) as pilot:
        type_at_once(pilot.app, *"4Gm")
        await settle(pilot, "Rename or move")
        assert pilot.app.screen.query_one(Input).value == "evil\x1b]0;x\x07[b]"


async def test_keys_after_the_one_that_enters_a_folder_work_in_that_folder(tmp_path):
    engine = furnished(tmp_path)
    async with shown(engine) as pilot:
        await pilot.press("4")
        await settle(pilot, "data.tar")
        type_at_once(pilot.app, "j", "enter", *"Gm")
        await settle(pilot, "Rename or move")
        assert pilot.app.screen.query_one(Input).value == "main.py"


async def test_keys_after_the_one_that_goes_to_the_other_side_work_there(tmp_path):
    engine = furnished(tmp_path)
    async with shown(engine) as pilot:
        await pilot.press("4")
        await settle(pilot, "out.parquet")
        type_at_once(pilot.app, "tab", *"Gm")
        await settle(pilot, "Rename or move")
        assert pilot.app.screen.query_one(Input).value == "out.parquet"


async def test_the_host_asked_for_gets_the_keys_after_enter(tmp_path):
    engine = furnished(tmp_path)
    engine.files.add("gpu02", "~", File("first", "f", 1, 1), File("last", "f", 1, 1))
    async with shown(engine) as pilot:
        await pilot.press("4")
        await settle(pilot, "out.parquet")
        type_at_once(pilot.app, "a", "ctrl+u", *"gpu02", "enter", *"Gm")
        await settle(pilot, "Rename or move")
        assert pilot.app.screen.query_one(Input).value == "last"


async def test_a_folder_that_never_comes_keeps_the_keys_back_once_only(tmp_path):
    engine = furnished(tmp_path)
    never = asyncio.Event()
    look = engine.files.look

    async def look_for_ever(host, path, *, make=False):
        if host is None and path.endswith("/src"):
            await never.wait()
        return await look(host, path, make=make)

    engine.files.look = look_for_ever
    async with shown(engine) as pilot:
        await pilot.press("4")
        await settle(pilot, "data.tar")
        type_at_once(pilot.app, "j", "enter", *"Gm")
        await settle(pilot, "Rename or move")
        await pilot.press("escape", "1")
        await settle(pilot, "gpu01")


async def test_a_menu_keeps_nothing_of_what_is_typed_after_its_answer():
    async with shown(lab()) as pilot:
        type_at_once(pilot.app, *"ongjj", "space")
        await settle(pilot, "1 marked")
        assert pilot.app.screen.table.marked == [pilot.app.screen.table.hosts[2]]


async def test_a_filter_keeps_nothing_of_what_is_typed_after_enter():
    async with shown(lab()) as pilot:
        type_at_once(pilot.app, "slash", *"gpu0", "enter", "j", "space")
        await settle(pilot, "1 marked")
        assert pilot.app.screen.filter_text == "gpu0"
        assert pilot.app.screen.table.marked == [pilot.app.screen.table.hosts[1]]


async def test_a_task_made_and_run_in_one_go_is_the_task_that_was_typed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    engine = with_runs(lab(tmp_path))
    async with shown(engine) as pilot:
        make = ("a", "r", *"make", "enter")
        send = ("a", "s", *"/data/in.csv", "tab", *"in/", "enter", "K")
        type_at_once(pilot.app, "2", "n", *make, *send, "r", *"gpu01,gpu02", "enter")
        await settle(pilot, "Tasks › #")
    assert [asked[:3] for asked in engine.asked] == [
        ("run_task", "send /data/in.csv in/; make", ("gpu01", "gpu02"))
    ]
