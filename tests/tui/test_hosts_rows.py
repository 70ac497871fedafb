"""Hosts: the order of the rows, the rows that hosts share, and ranges of marks."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lazytui.core.model import HostState
from lazytui.tui.app import LazytuiApp
from lazytui.tui.look import Look
from lazytui.tui.screens.hosts import HostsScreen
from lazytui.tui.widgets.host_order import SORTS, Sort, folded, in_order, natural
from lazytui.tui.widgets.host_table import COLUMN_CHOICES, HostTable
from tests.tui.fake_engine import (
    STOPPED_CLOCK,
    FakeEngine,
    FakeRuntime,
    lab,
    metrics,
    up,
    with_runs,
)
from tests.tui.seen import row_of, rows, settle, shown, text

NO_ANSWER = "no answer in 5 s"


def table(pilot) -> HostTable:
    return pilot.app.screen.query_one(HostTable)


def down(host: str, reason: str = NO_ANSWER, next_s: float | None = None) -> FakeRuntime:
    return FakeRuntime(host, HostState.INACTIVE, reason, next_s=next_s)


def rack() -> FakeEngine:
    """Give five hosts, three of which do not answer."""
    engine = FakeEngine()
    for runtime in (
        up("node01", 0.1, 0.1, 0.1),
        down("node02", next_s=40.0),
        down("node03", next_s=22.0),
        up("node04", 0.9, 0.1, 0.95),
        down("node05"),
        down("node06", "refused"),
    ):
        engine.add(runtime)
    return engine


# Order


@pytest.mark.parametrize(
    ("keys", "first"),
    [
        ("c", ["gpu01", "gpu02"]),
        ("cO", ["db01", "old01"]),
        ("n", ["bastion", "cpu01"]),
        ("nO", ["old01", "node07"]),
        ("s", ["db01", "gpu01"]),
        ("u", ["cpu02", "gpu01"]),
        ("uO", ["bastion", "cpu01"]),
        ("m", ["cpu02", "gpu01"]),
        ("g", ["gpu03", "gpu02"]),
        ("d", ["gpu03", "bastion"]),
        ("t", ["gpu01", "gpu02"]),
    ],
)
async def test_hosts_are_sorted_by_a_menu_and_turned_round(keys, first):
    async with shown(with_runs(lab())) as pilot:
        await pilot.press("o", keys[0])
        await pilot.pause()
        await pilot.press(*keys[1:])
        await pilot.pause()
        assert list(table(pilot).keys[:2]) == first


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("by", ["u", "m", "g", "d"])
def test_hosts_of_which_nothing_is_known_go_last(by, reverse):
    runtimes = lab().runtimes
    order = in_order(runtimes, list(runtimes), Sort(by, reverse))
    unknown = [math.isnan(SORTS[by].value(runtimes[host])) for host in order]
    assert unknown == sorted(unknown)
    assert {True, False} == set(unknown)


@given(st.lists(st.sampled_from(list(lab().runtimes)), unique=True), st.sampled_from(list(SORTS)))
def test_sorting_loses_nobody(hosts, by):
    runtimes = lab().runtimes
    assert sorted(in_order(runtimes, hosts, Sort(by))) == sorted(hosts)


def test_numbers_in_names_count_as_numbers():
    names = ["node10", "node9", "Node1", "node", "9"]
    assert sorted(names, key=natural) == ["9", "node", "Node1", "node9", "node10"]


async def test_the_heading_shows_by_what_the_hosts_are_sorted():
    async with shown(lab()) as pilot:
        await pilot.press("o", "d")
        await settle(pilot, "▼disk")
        await pilot.press("O")
        await settle(pilot, "▲disk")
        await pilot.press("o", "n")
        await settle(pilot, "host ▲")


async def test_the_cursor_stays_on_its_host_when_the_order_changes():
    async with shown(lab()) as pilot:
        await pilot.press("j", "o", "u")
        await settle(pilot, "cpu ▼")
        assert table(pilot).current == "gpu02"


async def test_the_order_follows_the_samples():
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("o", "u")
        engine.change("bastion", metrics=metrics(0.99))
        for _ in range(200):
            if table(pilot).keys[0] == "bastion":
                break
            await pilot.pause(0.02)
        assert table(pilot).keys[0] == "bastion"


# Rows for several hosts


async def test_hosts_that_are_down_for_the_same_reason_share_a_row():
    async with shown(rack()) as pilot:
        seen = text(pilot.app)
        assert "node[02-03,05]" in seen
        assert "○ down" in row_of(pilot.app, "node[02-03,05]")
        assert "no answer in 5 s · next try in 22 s  R now" in row_of(pilot.app, "node[02-03")
        assert "refused" in row_of(pilot.app, "node06")


async def test_a_single_host_has_its_own_row():
    engine = FakeEngine()
    engine.add(down("node01"))
    async with shown(engine) as pilot:
        assert table(pilot).keys == ("node01",)


@pytest.mark.parametrize("keys", [["enter"], ["d"], ["right"], ["F"]])
async def test_one_key_gives_each_host_its_row(keys):
    async with shown(rack()) as pilot:
        await pilot.press("j", *keys)
        await settle(pilot, "▾")
        assert [k for k in table(pilot).keys if k.startswith("node")] == [
            "node01", "node02", "node03", "node05", "node04", "node06",
        ]  # fmt: skip


async def test_left_folds_from_the_row_and_from_within():
    async with shown(rack()) as pilot:
        await pilot.press("j", "right", "j", "j")
        assert table(pilot).current == "node03"
        await pilot.press("left")
        await settle(pilot, "▸")
        assert table(pilot).targets == ("node02", "node03", "node05")


async def test_a_double_click_opens_the_row():
    async with shown(rack()) as pilot:
        await pilot.click(HostTable, offset=(5, 2), times=2)
        await settle(pilot, "▾")


async def test_a_filter_folds_nothing():
    async with shown(rack()) as pilot:
        await pilot.press("slash", *"node03")
        await settle(pilot, "1 of 6")
        assert table(pilot).keys == ("node03",)


async def test_capital_r_on_the_row_tries_all_its_hosts():
    engine = rack()
    async with shown(engine) as pilot:
        await pilot.press("j", "R")
        await pilot.pause()
        assert engine.asked == [("refresh", ("node02", "node03", "node05"))]


async def test_space_on_the_row_marks_all_its_hosts():
    async with shown(rack()) as pilot:
        await pilot.press("j", "space")
        await settle(pilot, "3 marked node[02-03,05]")
        await pilot.press("k", "right", "j", "space", "left")
        await settle(pilot, "2 marked node[03,05]")
        assert row_of(pilot.app, "▸").lstrip("▌ ").startswith("-")


async def test_the_cursor_goes_with_a_host_into_the_row_and_out_again():
    engine = rack()
    async with shown(engine) as pilot:
        await pilot.press("G")
        assert table(pilot).current == "node06"
        engine.change("node06", reason=NO_ANSWER)
        await settle(pilot, "node[02-03,05")
        for _ in range(100):
            if table(pilot).current_fold:
                break
            await pilot.pause(0.02)
        assert "node06" in table(pilot).targets
        for host in ("node02", "node03", "node05", "node06"):
            engine.change(host, state=HostState.ACTIVE)
        for _ in range(100):
            if table(pilot).current == "node02":
                break
            await pilot.pause(0.02)
        assert table(pilot).current == "node02"


async def test_the_details_tell_of_a_row_for_several_hosts():
    async with shown(rack()) as pilot:
        await pilot.press("j")
        await settle(pilot, "3 hosts")
    async with shown(rack(), (130, 34)) as pilot:
        await pilot.press("j")
        await settle(pilot, "3 hosts")
        assert text(pilot.app).count("no answer in 5 s") == 2


hosts_down = st.dictionaries(st.sampled_from("abcdefgh"), st.sampled_from(["x", "y", "z"]))


@given(hosts_down, st.booleans())
def test_folding_loses_nobody(reasons, is_open):
    runtimes = {host: down(host, reason) for host, reason in reasons.items()}
    opened = {"\0x", "\0y", "\0z"} if is_open else set()
    keys, folds = folded(runtimes, list(runtimes), opened)
    inside = {host for fold in folds.values() for host in fold.hosts}
    assert {key for key in keys if key not in folds} | inside == set(runtimes)
    assert len(set(keys)) == len(keys)


async def test_a_thousand_hosts_of_which_many_are_down_for_five_reasons_fold_into_five_rows():
    engine = FakeEngine()
    for number in range(1000):
        name = f"node{number:04}"
        engine.add(
            down(name, f"reason {number % 5}") if number % 10 < 3 else up(name, 0.1, 0.1, 0.1)
        )
    async with shown(engine, (130, 34)) as pilot:
        assert len(table(pilot).keys) == 700 + len({n % 5 for n in range(1000) if n % 10 < 3})
        await pilot.press("F")
        await settle(pilot, "▾")
        assert {k for k in table(pilot).keys if k.startswith("node")} == set(engine.runtimes)


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (130, 34)])
async def test_reasons_and_names_of_any_kind_fold(size):
    engine = FakeEngine()
    nasty = ["a[/x]", "主机" * 30, "h" * 200, "e\u0301x", "a\x1b[31mb"]
    for name in nasty:
        engine.add(down(name, "[bold]no[/bold] \x1b[2J"))
    async with shown(engine, size) as pilot:
        assert "[bold]no[/bold]" in text(pilot.app) or size[0] == 40
        await pilot.press("space", "enter", "j", "left", "F", "o", "n", "O")
        assert pilot.app.is_running
        assert "\x1b" not in text(pilot.app)


# Ranges


async def test_v_marks_from_here_to_there():
    async with shown(lab()) as pilot:
        await pilot.press("v", "j", "j")
        await settle(pilot, "3 marked gpu[01-03]")
        assert "v ends the range" in text(pilot.app)
        await pilot.press("v", "j", "j")
        await settle(pilot, "3 marked gpu[01-03]")
        assert "v ends" not in text(pilot.app)


async def test_a_range_goes_up_as_well_and_adds_to_the_marks():
    async with shown(lab()) as pilot:
        await pilot.press("G", "space", "g", "j", "j", "v", "k", "v")
        await pilot.pause()
        assert table(pilot).marked == ["gpu02", "gpu03", "db01"]


async def test_a_range_that_is_not_ended_is_what_a_command_runs_on():
    async with shown(lab()) as pilot:
        await pilot.press("v", "j", "r")
        await settle(pilot, "gpu[01-02]")


async def test_escape_takes_the_range_before_the_marks():
    async with shown(lab()) as pilot:
        await pilot.press("space", "v", "j", "escape")
        await pilot.pause()
        assert table(pilot).marked == ["gpu01"]
        await pilot.press("escape")
        await pilot.pause()
        assert table(pilot).marked == []


async def test_marks_filter_and_cursor_of_two_screens_are_their_own():
    engine = rack()
    async with shown(engine) as one, shown(engine) as two:
        await one.press("space", "o", "n")
        await two.press("slash", *"node06", "enter", "F")
        await settle(two, "1 of 6")
        assert isinstance(one.app.screen, HostsScreen)
        assert table(one).marked == ["node01"]
        assert table(two).marked == []
        assert "6 hosts" in rows(one.app)[-2]


async def test_columns_are_hidden_and_shown_by_a_menu_that_the_table_follows_at_once():
    async with shown(lab(), size=(110, 34)) as pilot:
        assert "tasks" in row_of(pilot.app, "state")
        await pilot.press("c", "t", "g")
        await pilot.pause()
        assert "Columns" in text(pilot.app)
        await pilot.press("escape")
        await pilot.pause()
        heads = row_of(pilot.app, "state")
        assert "tasks" not in heads
        assert "gpu free" not in heads
        await pilot.press("c", *["down"] * 4, "space", "enter")
        await pilot.pause()
        assert "tasks" in row_of(pilot.app, "state")


async def test_columns_hidden_by_the_settings_are_hidden_and_wrong_names_told():
    look = Look(hidden_columns=frozenset({"mem", "moon"}))
    async with LazytuiApp(lab(), clock=STOPPED_CLOCK, look=look).run_test(
        size=(130, 34), notifications=True
    ) as pilot:
        await settle(pilot, "no moon; there are cpu, mem")
        heads = row_of(pilot.app, "state")
        assert "mem" not in heads
        assert "cpu" in heads


async def test_all_columns_may_be_hidden_and_the_rows_are_still_there():
    look = Look(hidden_columns=frozenset(COLUMN_CHOICES))
    async with LazytuiApp(lab(), clock=STOPPED_CLOCK, look=look).run_test(size=(80, 24)) as pilot:
        await settle(pilot, "gpu01")
        assert "up" in row_of(pilot.app, "gpu01")
