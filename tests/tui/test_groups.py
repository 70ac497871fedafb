"""Groups on Hosts: in a panel where there is room, else in a sheet; made, changed, used."""

from __future__ import annotations

import pytest

from lazytui.core.probes import Probe
from lazytui.tui.app import LazytuiApp
from lazytui.tui.screens.group_edit import GroupSheet
from lazytui.tui.screens.hosts import HostsScreen
from lazytui.tui.screens.run_prompt import RunPrompt
from lazytui.tui.widgets.groups_panel import GroupList
from tests.tui.fake_engine import STOPPED_CLOCK, FakeEngine, lab, up
from tests.tui.seen import row_of, rows, settle, shown, text, until

WIDE, USUAL, SMALL = (130, 34), (80, 24), (40, 10)


def grouped() -> FakeEngine:
    """A lab with two fixed groups, two live ones, and one that cannot be read any more."""
    engine = lab()
    engine.members = {"train": ["gpu01", "gpu02", "gpu03", "gpu04"], "etl": ["cpu01", "cpu02"]}
    engine.queries = {"big": "gpu>=1 mem>32G", "busy": "cpu>50%", "lost": "@nobody cpu"}
    return engine


def hosts_shown(pilot) -> list[str]:
    screen = next(s for s in pilot.app.screen_stack if isinstance(s, HostsScreen))
    return list(screen.table.hosts)


# --- the list ------------------------------------------------------------------------------------


async def test_where_there_is_room_groups_stand_beside_the_hosts_with_their_numbers():
    async with shown(grouped(), WIDE) as pilot:
        panel = [row.split("│")[1].split() for row in rows(pilot.app) if row.count("│") > 1]
        for words in ("@train 4", "@etl 2", "@big 4", "@busy 2", "● up 6", "○ down 3"):
            assert words.split() in panel
        assert "gpu>=1 mem>32G" in text(pilot.app)
        assert "! unknown group:" in text(pilot.app)
        assert isinstance(pilot.app.screen, HostsScreen)
        assert not pilot.app.screen.query_one(GroupList).has_focus


@pytest.mark.parametrize("size", [USUAL, (120, 30), SMALL])
async def test_where_there_is_none_a_key_brings_them(size):
    async with shown(grouped(), size) as pilot:
        assert "@train" not in text(pilot.app)
        await pilot.press("at")
        await settle(pilot, "@train")
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, HostsScreen)
        assert pilot.app.screen.table.has_focus


@pytest.mark.parametrize("size", [WIDE, USUAL])
async def test_enter_shows_only_one_group_and_once_more_all(size):
    async with shown(grouped(), size) as pilot:
        await pilot.press("at", "enter")
        await settle(pilot, "/ @etl")
        assert hosts_shown(pilot) == ["cpu01", "cpu02"]
        if size is USUAL:
            await pilot.press("at")
        await pilot.press("enter")
        await until(pilot, lambda: len(hosts_shown(pilot)) == 11)


async def test_states_are_sets_of_hosts_too():
    async with shown(grouped(), WIDE) as pilot:
        await pilot.press("at", "G", "enter")
        await settle(pilot, "/ state:down")
        assert hosts_shown(pilot) == ["node07", "old01", "db01"]


async def test_the_focus_moves_by_the_users_keys_only():
    async with shown(grouped(), WIDE) as pilot:
        screen = pilot.app.screen
        assert screen.table.has_focus
        await pilot.press("at", "j", "enter")
        assert screen.query_one(GroupList).has_focus
        assert "enter show" in text(pilot.app)
        await pilot.press("escape")
        assert screen.table.has_focus
        assert "enter details" in text(pilot.app)
        assert screen.filter_text == "@train"


async def test_on_a_terminal_that_becomes_narrow_the_table_has_the_keys():
    async with shown(grouped(), WIDE) as pilot:
        await pilot.press("at")
        await pilot.resize_terminal(*USUAL)
        await until(pilot, lambda: pilot.app.screen.table.has_focus)
        assert "@train" not in text(pilot.app)


async def test_a_live_group_follows_the_facts():
    engine = grouped()
    async with shown(engine, WIDE) as pilot:
        await pilot.press("slash", *"@busy", "enter")
        await until(pilot, lambda: hosts_shown(pilot) == ["gpu01", "cpu02"])
        engine.change("cpu01", metrics=up("x", 0.9, 0.1, 0.1).metrics)
        await until(pilot, lambda: hosts_shown(pilot) == ["gpu01", "cpu01", "cpu02"])
        await until(pilot, lambda: "@busy 3" in " ".join(row_of(pilot.app, "@busy").split()))


async def test_groups_that_others_make_and_remove_are_followed():
    engine = grouped()
    async with shown(engine, WIDE) as pilot:
        await engine.add_group("new", ["db01"], "db01")
        await settle(pilot, "@new")
        await pilot.press("slash", *"@new", "enter")
        await until(pilot, lambda: hosts_shown(pilot) == ["db01"])
        await engine.remove_group("new")
        await settle(pilot, "/ @new   unknown group: @new")
        assert len(hosts_shown(pilot)) == 11


async def test_without_groups_it_is_said_how_to_make_one():
    async with shown(lab(), WIDE) as pilot:
        assert "No groups yet" in text(pilot.app)
        assert "n makes one" in text(pilot.app)
        await pilot.press("at", "D", "e")
        assert isinstance(pilot.app.screen, HostsScreen)


async def test_a_command_is_run_on_a_group():
    async with shown(grouped(), USUAL) as pilot:
        await pilot.press("at", "r")
        await until(pilot, lambda: isinstance(pilot.app.screen, RunPrompt))
        await settle(pilot, "Run on cpu[01-02]")


async def test_a_click_shows_a_group():
    async with shown(grouped(), WIDE) as pilot:
        await pilot.click(GroupList, offset=(4, 6))
        await settle(pilot, "/ @big")


# --- the sheet of one ----------------------------------------------------------------------------


async def test_the_marked_hosts_become_a_fixed_group():
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("j", "space", "space", "n")
        await settle(pilot, "In it: gpu[02-03]  2 hosts")
        await pilot.press(*"eval", "enter")
        await until(pilot, lambda: engine.members == {"eval": ["gpu02", "gpu03"]})
        assert isinstance(pilot.app.screen, HostsScreen)


async def test_the_filter_becomes_a_live_group():
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("slash", *"gpu>=1", "enter", "n", *"@gpus")
        await settle(pilot, "In it now: gpu[01-04]  4 hosts")
        await pilot.press("enter")
        await until(pilot, lambda: engine.queries == {"gpus": "gpu>=1"})
        assert not engine.members


async def test_marks_and_filter_are_both_offered():
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("slash", *"gpu>=1", "enter", "space", "n", "g", "tab")
        await settle(pilot, "In it: gpu01  1 host")
        await pilot.press("right")
        await settle(pilot, "In it now: gpu[01-04]")
        await pilot.press("left")
        await settle(pilot, "In it: gpu01  1 host")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("gpu[01-02],db01", ["gpu01", "gpu02", "db01"]),
        ("@train - gpu04", ["gpu01", "gpu02", "gpu03"]),
        ("gpu", ["gpu01", "gpu02", "gpu03", "gpu04"]),
    ],
)
async def test_a_node_set_a_group_or_a_word_is_typed(typed, kept):
    engine = grouped()
    async with shown(engine) as pilot:
        await pilot.press("n", "x", "tab", "tab", *typed, "enter")
        await until(pilot, lambda: engine.members.get("x") == kept)


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        (("enter",), "give it a name"),
        ((*"7up", "tab", "tab", *"gpu01", "enter"), "a group's name begins with a letter"),
        ((*"train", "tab", "tab", *"gpu01", "enter"), "there is a group @train already"),
        (("x", "enter"), "say which hosts"),
        (("x", "tab", "tab", *"zzz", "enter"), "no host matches"),
        (("x", "tab", "tab", *"@zz"), "unknown group: @zz"),
        (("x", "tab", "tab", *"gpu>=", "enter"), "a number of GPUs"),
        (("x", "tab", "tab", *"[red]", "enter"), "expected"),
    ],
)
async def test_what_cannot_be_kept_is_said_and_nothing_is_done(keys, said):
    engine = grouped()
    async with shown(engine) as pilot:
        await pilot.press("n", *keys)
        await settle(pilot, said)
        assert isinstance(pilot.app.screen, GroupSheet)
        assert not [asked for asked in engine.asked if asked[0].startswith("add")]
        await pilot.press("escape")
        assert isinstance(pilot.app.screen, HostsScreen)


async def test_a_group_is_renamed_and_changed_and_its_filter_follows():
    engine = grouped()
    async with shown(engine, WIDE) as pilot:
        await pilot.press("at", "enter", "e", *["backspace"] * 3, *"dbs")
        await pilot.press("tab", "tab", *["backspace"] * 20, *"db01", "enter")
        await until(pilot, lambda: engine.members.get("dbs") == ["db01"])
        assert "etl" not in engine.members
        await settle(pilot, "/ @dbs")
        assert hosts_shown(pilot) == ["db01"]


async def test_a_live_group_cannot_be_made_of_itself():
    async with shown(grouped(), WIDE) as pilot:
        await pilot.press("at", "j", "j", "e", "tab", "tab", *" @big", "enter")
        await settle(pilot, "@big cannot be made of @big itself")


async def test_forgetting_a_group_asks_first_and_shows_all_hosts_again():
    engine = grouped()
    async with shown(engine, WIDE) as pilot:
        await pilot.press("at", "enter", "D")
        await settle(pilot, "Forget @etl with its 2 hosts?")
        await pilot.press("n")
        assert "etl" in engine.members
        await pilot.press("D")
        await settle(pilot, "Forget @etl")
        await pilot.press("y")
        await until(pilot, lambda: "etl" not in engine.members)
        await until(pilot, lambda: len(hosts_shown(pilot)) == 11)


async def test_the_name_of_a_group_is_completed():
    async with shown(grouped()) as pilot:
        await pilot.press("slash", *"!@tr")
        await settle(pilot, "!@train")
        await pilot.press("right", "enter")
        await settle(pilot, "/ !@train")
        assert "gpu01" not in hosts_shown(pilot)


# --- asking hosts --------------------------------------------------------------------------------


async def test_hosts_are_asked_for_a_filter_and_for_commands_only_when_it_is_typed_whole():
    engine = lab()
    docker, data = Probe("program", "docker"), Probe("command", "x")
    engine.runtimes["gpu01"].answers = {docker: True, data: True}
    async with shown(engine) as pilot:
        await pilot.press("slash", *"has:docker")
        await until(pilot, lambda: ("ask_facts", "has:docker") in engine.asked)
        assert hosts_shown(pilot) == ["gpu01"]
        engine.asked.clear()
        await pilot.press("space", *'cmd:"x"')
        await pilot.pause(1.5)
        assert engine.asked == []
        await pilot.press("enter")
        await until(pilot, lambda: ("ask_facts", 'has:docker cmd:"x"') in engine.asked)
        assert hosts_shown(pilot) == ["gpu01"]


async def test_a_sheet_asks_for_programs_while_one_types_but_runs_no_command_before_it_is_kept():
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("n", "q", "tab", "right", "tab", *'cmd:"reboot"')
        await pilot.pause(1.0)
        assert engine.asked == []
        await pilot.press("enter")
        await until(pilot, lambda: ("ask_facts", 'cmd:"reboot"') in engine.asked)


# --- odd inputs ----------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [SMALL, USUAL, WIDE])
async def test_odd_names_and_queries_break_nothing(size):
    engine = FakeEngine()
    for host in ("[red]x[/]", "\x1b[31mevil", "é" * 100, "漢字" * 100, "x" * 200):
        engine.add(up(host, 0.1, 0.1, 0.1))
    engine.members = {"all": list(engine.runtimes)}
    engine.queries = {"a" * 64: "[bold]mem>1G[/] \x1b[2J", "漢": "@[x]", "q": "é" * 2000}
    async with shown(engine, size) as pilot:
        await pilot.press("at", "G", "g", "j", "j", "enter", "escape", "at", "g", "e")
        await until(pilot, lambda: isinstance(pilot.app.screen, GroupSheet))
        await settle(pilot, "@all")
        assert "\x1b" not in text(pilot.app)
        await pilot.press("escape", "n", *"x", "tab", "tab", *"é漢[/]\\")
        await settle(pilot, "é漢[/]\\")


# --- the looks -----------------------------------------------------------------------------------

LOOKS = {
    "list": (["at", "j"], "@lost"),
    "new": (["j", "space", "space", "n", *"eval"], "2 hosts"),
    "shown": (["at", "j", "j", "enter"], "/ @big"),
}


@pytest.mark.parametrize("size", [USUAL, WIDE], ids=["80x24", "130x34"])
@pytest.mark.parametrize("look", LOOKS)
def test_groups_look_as_before(look, size, snap_compare):
    keys, until_seen = LOOKS[look]

    async def go(pilot) -> None:
        await pilot.pause()
        await pilot.press(*keys)
        await settle(pilot, until_seen)

    app = LazytuiApp(grouped(), clock=STOPPED_CLOCK)
    assert snap_compare(app, terminal_size=size, run_before=go)
