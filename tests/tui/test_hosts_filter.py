"""Hosts: a filter shows its result while it is typed, and never loses what was marked."""

from __future__ import annotations

import pytest
from textual.widgets import Input

from lazytui.core.model import HostState
from lazytui.tui.widgets.host_table import HostTable
from tests.tui.fake_engine import FakeEngine, FakeRuntime, lab, metrics, up
from tests.tui.seen import row_of, rows, settle, shown, text


def table(pilot) -> HostTable:
    return pilot.app.screen.query_one(HostTable)


async def until(pilot, hosts: list[str]) -> None:
    """Wait until exactly these hosts have a row."""
    for _ in range(500):
        if list(table(pilot).keys) == hosts:
            return
        await pilot.pause(0.02)
    raise AssertionError(table(pilot).keys)


@pytest.mark.parametrize(
    ("typed", "hosts"),
    [
        ("gpu", ["gpu01", "gpu02", "gpu03", "gpu04"]),
        ("gpu !4", ["gpu01", "gpu02", "gpu03"]),
        ("g3", ["gpu03"]),
        ("/^cpu0[12]/", ["cpu01", "cpu02"]),
        ("cpu[01-02]", ["cpu01", "cpu02"]),
        ("gpu>=4 cpu<50%", ["gpu02", "gpu03"]),
        ("state:down", ["node07", "old01", "db01"]),
        ("cpu - cpu03", ["cpu01", "cpu02"]),
        ("@etl", ["cpu01", "bastion"]),
        ("", list(lab().runtimes)),
    ],
)
async def test_the_result_follows_what_is_typed(typed, hosts):
    engine = lab()
    engine.members = {"etl": ["cpu01", "bastion"]}
    async with shown(engine) as pilot:
        await pilot.press("slash", *typed)
        await until(pilot, hosts)
        assert f"{len(hosts)} of 11" in text(pilot.app)


async def test_the_cursor_goes_to_the_first_that_was_found():
    async with shown(lab()) as pilot:
        await pilot.press("slash", *"node")
        await until(pilot, ["node07"])
        assert table(pilot).current == "node07"


async def test_the_cursor_stays_on_a_host_that_is_still_found():
    async with shown(lab()) as pilot:
        await pilot.press("j", "j", "slash", *"gpu")
        await until(pilot, ["gpu01", "gpu02", "gpu03", "gpu04"])
        assert table(pilot).current == "gpu03"


async def test_enter_keeps_the_filter_and_gives_the_keys_back_to_the_table():
    async with shown(lab()) as pilot:
        await pilot.press("slash", *"gpu", "enter")
        await settle(pilot, "r run")
        assert "/ gpu" in text(pilot.app)
        assert "4 of 11" in text(pilot.app)
        await pilot.press("j")
        assert table(pilot).current == "gpu02"


async def test_escape_takes_the_filter_away_while_it_is_typed_and_later():
    async with shown(lab()) as pilot:
        await pilot.press("slash", *"gpu", "escape")
        await until(pilot, list(lab().runtimes))
        await pilot.press("slash", *"gpu", "enter")
        await settle(pilot, "/ gpu")
        await pilot.press("escape")
        await until(pilot, list(lab().runtimes))


async def test_the_arrows_walk_through_the_result_while_it_is_typed():
    async with shown(lab()) as pilot:
        await pilot.press("slash", *"gpu", "down", "down", "up")
        await settle(pilot, "▌  gpu02")


async def test_a_text_that_cannot_be_read_says_why_and_keeps_the_last_good_result():
    async with shown(lab()) as pilot:
        await pilot.press("slash", *"gpu>=1")
        await until(pilot, ["gpu01", "gpu02", "gpu03", "gpu04"])
        await pilot.press("backspace")
        await settle(pilot, "expected a number of GPU")
        assert len(table(pilot).keys) == 4


async def test_a_text_that_cannot_be_read_is_not_kept():
    async with shown(lab()) as pilot:
        await pilot.press("slash", *"gpu>=", "enter")
        await settle(pilot, "expected a number")
        assert isinstance(pilot.app.focused, Input)


async def test_a_group_that_does_not_exist_is_told():
    async with shown(lab(), (120, 24)) as pilot:
        await pilot.press("slash", *"@nobody")
        await settle(pilot, "unknown group: @nobody")


async def test_nothing_found_says_so_and_how_to_get_out():
    async with shown(lab()) as pilot:
        await pilot.press("slash", *"zzz", "enter")
        await settle(pilot, "No host of 11 matches zzz   esc shows all")
        await pilot.press("r", "space", "enter", "l", "R", "asterisk", "v", "j")
        await pilot.press("escape")
        await settle(pilot, "gpu01")


async def test_typing_again_goes_on_from_the_filter_there_is():
    async with shown(lab()) as pilot:
        await pilot.press("slash", *"gp", "enter", "slash", *"u04", "enter")
        await until(pilot, ["gpu04"])


async def test_the_footer_tells_the_keys_of_the_filter_while_it_is_typed():
    async with shown(lab()) as pilot:
        await pilot.press("slash", "g")
        await settle(pilot, "enter keep  esc clear")
        assert "r run" not in rows(pilot.app)[-1]


async def test_keys_are_letters_while_a_filter_is_typed():
    async with shown(lab()) as pilot:
        await pilot.press("slash", *"q12?:rR")
        await settle(pilot, "/ q12?:rR")
        assert pilot.app.is_running


async def test_numbers_that_change_move_hosts_in_and_out_of_the_result():
    engine = lab()
    async with shown(engine) as pilot:
        pilot.app.screen.set_filter("cpu>90%")
        await until(pilot, ["cpu02"])
        engine.change("gpu01", metrics=metrics(0.99))
        engine.change("cpu02", metrics=metrics(0.01))
        await until(pilot, ["gpu01"])


async def test_a_filter_from_elsewhere_that_cannot_be_read_is_told_and_changes_nothing():
    async with shown(lab(), (130, 34)) as pilot:
        pilot.app.screen.set_filter("mem>")
        await settle(pilot, "expected a size")
        assert len(table(pilot).keys) == 11


async def test_marks_stay_when_a_filter_hides_their_hosts_and_are_told():
    async with shown(lab(), (100, 24)) as pilot:
        await pilot.press("space", "slash", *"cpu", "enter", "space")
        await settle(pilot, "2 marked gpu01,cpu01 (1 hidden)")


async def test_star_marks_only_what_is_shown():
    async with shown(lab()) as pilot:
        await pilot.press("slash", *"gpu[01-02]", "enter", "asterisk")
        await settle(pilot, "2 marked gpu[01-02]")
        await pilot.press("asterisk")
        await pilot.pause()
        assert table(pilot).marked == []


async def test_a_paste_of_ten_kilobytes_harms_nothing():
    async with shown(lab()) as pilot:
        await pilot.press("slash")
        pilot.app.focused.value = "x" * 10_000
        await settle(pilot, "No host of 11 matches")
        await pilot.press("escape")
        await until(pilot, list(lab().runtimes))


@pytest.mark.parametrize("typed", ["[/x]", "[bold]", "主机", "e\u0301", "$fine", '"', "a" * 200])
@pytest.mark.parametrize("size", [(40, 10), (80, 24)])
async def test_any_text_may_be_typed(typed, size):
    engine = FakeEngine()
    engine.add(up("a[/x]b", 0.1, 0.1, 0.1))
    async with shown(engine, size) as pilot:
        pilot.app.screen.action_find()
        pilot.app.focused.value = typed
        await pilot.pause()
        await pilot.press("enter", "escape", "escape")
        await settle(pilot, "a[/x]b")


async def test_a_host_that_is_removed_leaves_result_and_marks():
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("space", "slash", *"gpu", "enter")
        del engine.runtimes["gpu01"]
        engine.change("gpu02", state=HostState.CONNECTING)
        await until(pilot, ["gpu02", "gpu03", "gpu04"])
        assert table(pilot).marked == []


async def test_a_thousand_hosts_are_found_by_typing():
    engine = FakeEngine()
    for number in range(1000):
        engine.add(FakeRuntime(f"node{number:04}", HostState.INACTIVE, f"reason {number % 5}"))
    async with shown(engine) as pilot:
        await pilot.press("slash", *"0734")
        await until(pilot, ["node0734"])
        assert "▌  node0734" in row_of(pilot.app, "node0734")
