"""Hosts: what the table says, and what its keys do."""

from __future__ import annotations

import pytest

from lazytui.core.events import Notice
from lazytui.core.model import HostState
from lazytui.errors import LazytuiError
from lazytui.tui.screens.hosts import HostsScreen
from lazytui.tui.screens.output import OutputScreen
from lazytui.tui.screens.task_output import TaskOutputScreen
from lazytui.tui.widgets.host_table import HostTable
from tests.tui.fake_engine import FakeEngine, FakeRuntime, lab, up, with_runs
from tests.tui.seen import row_of, rows, settle, shown, text


def table(pilot) -> HostTable:
    return pilot.app.screen.query_one(HostTable)


async def test_a_host_that_is_up_shows_its_load_in_numbers():
    async with shown(lab()) as pilot:
        assert row_of(pilot.app, "gpu01").split() == [
            "▌", "gpu01", "●", "up", "▆▅▆▄▆▅▇▆▆", "71%", "41%", "0/4", "148G", "62%", "0",
        ]  # fmt: skip


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("gpu04", "◐ stale 2m"),
        ("cpu03", "◌ connecting  connecting via bastion"),
        ("node07", "○ down        no answer in 5 s · next try in 40 s  R now"),
        ("old01", "○ down        no Python >= 3.6: found 2.7  R try again"),
        ("db01", "◆ asks        unknown host key  Q answer"),
    ],
)
async def test_a_host_that_is_not_up_says_why_over_the_metrics(host, said):
    async with shown(lab()) as pilot:
        assert said in row_of(pilot.app, host)


async def test_metrics_of_a_stale_host_are_not_shown_as_current():
    async with shown(lab()) as pilot:
        assert "30%" not in row_of(pilot.app, "gpu04")


async def test_the_header_counts_the_states():
    async with shown(lab(), (130, 34)) as pilot:
        assert "6 up · 1 asks · 2 down · 1 stale" in rows(pilot.app)[0]


async def test_hosts_stand_in_the_order_of_the_ssh_config():
    async with shown(lab()) as pilot:
        assert list(table(pilot).keys) == list(lab().runtimes)


async def test_the_details_tell_what_the_current_host_is():
    async with shown(with_runs(lab())) as pilot:
        seen = text(pilot.app)
        assert "8 cores · 64G · 4×A100 40G · Ubuntu 22.04.4 LTS · Python 3.11.7" in seen
        assert "ana@gpu01.lab:22 · 38 ms" in seen
        assert "▸ python train.py --lr 3e-4  02:14:07" in seen


async def test_the_details_of_a_host_that_is_down_tell_where_it_is_configured():
    async with shown(lab()) as pilot:
        table(pilot).move_cursor(list(lab().runtimes).index("node07"))
        await settle(pilot, "root@10.0.3.7:22 · ~/.ssh/config:41")
        assert "for 41m" in text(pilot.app)


async def test_a_change_of_the_engine_is_seen_without_a_key():
    engine = lab()
    async with shown(engine) as pilot:
        engine.change("cpu03", state=HostState.INACTIVE, reason="refused")
        await settle(pilot, "refused")
        assert "○ down" in row_of(pilot.app, "cpu03")


async def test_a_new_host_does_not_move_the_cursor_from_its_host():
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("j")
        engine.runtimes = {"aaa": up("aaa", 0.1, 0.1, 0.1), **engine.runtimes}
        pilot.app.screen.rebuild()
        assert table(pilot).current == "gpu02"


@pytest.mark.parametrize(
    ("keys", "place"),
    [
        (["down"], 1),
        (["j", "j", "k"], 1),
        (["down", "down", "up"], 1),
        (["G"], 49),
        (["end"], 49),
        (["G", "g"], 0),
        (["end", "home"], 0),
        (["ctrl+d"], 7),
        (["ctrl+d", "ctrl+d", "ctrl+u"], 7),
        (["pagedown"], 15),
        (["pagedown", "pagedown", "pageup"], 15),
        (["up"], 0),
        (["G", "down"], 49),
    ],
)
async def test_keys_move_the_cursor(keys, place):
    engine = FakeEngine()
    for number in range(50):
        engine.add(up(f"node{number:02}", 0.1, 0.1, 0.1))
    async with shown(engine) as pilot:
        await pilot.press(*keys)
        await pilot.pause()
        assert table(pilot).cursor == place
        assert f"▌  node{place:02}" in text(pilot.app)


async def test_space_marks_and_goes_on_and_marks_are_told_as_a_node_set():
    async with shown(lab()) as pilot:
        await pilot.press("space", "space")
        await settle(pilot, "2 marked gpu[01-02]")
        assert "✓ gpu01" in row_of(pilot.app, "gpu01")
        assert table(pilot).current == "gpu03"


async def test_space_unmarks_a_marked_host():
    async with shown(lab()) as pilot:
        await pilot.press("space", "k", "space")
        assert table(pilot).marked == []


async def test_star_marks_all_and_then_none():
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("asterisk")
        assert table(pilot).marked == list(engine.runtimes)
        await pilot.press("asterisk")
        assert table(pilot).marked == []


async def test_escape_takes_the_marks_away_and_never_leaves():
    async with shown(lab()) as pilot:
        await pilot.press("space", "escape", "escape", "escape")
        assert table(pilot).marked == []
        assert pilot.app.is_running


async def test_r_runs_a_command_on_the_current_host_and_shows_its_output(tmp_path):
    engine = lab(tmp_path)
    async with shown(engine) as pilot:
        await pilot.press("r", *"uptime", "enter")
        await settle(pilot, "Tasks › #1 uptime · gpu01")
        assert engine.asked == [("run_command", "uptime", ("gpu01",))]


async def test_r_runs_a_command_on_the_marked_hosts_and_shows_their_output(tmp_path):
    engine = lab(tmp_path)
    async with shown(engine) as pilot:
        await pilot.press("space", "space", "G", "r", *"df", "enter")
        await settle(pilot, "Tasks ›")
        assert isinstance(pilot.app.screen, TaskOutputScreen)
        assert engine.asked == [("run_command", "df", ("gpu01", "gpu02"))]


async def test_l_shows_the_output_of_the_last_run_of_the_host(tmp_path):
    async with shown(with_runs(lab(tmp_path))) as pilot:
        await pilot.press("l")
        await settle(pilot, "epoch 4 loss 0.412")
        assert "#6 python train.py" in rows(pilot.app)[0]


async def test_l_does_nothing_on_a_host_without_a_run_and_is_not_offered():
    async with shown(lab()) as pilot:
        assert "l output" not in rows(pilot.app)[-1]
        await pilot.press("l")
        await pilot.pause()
        assert isinstance(pilot.app.screen, HostsScreen)


async def test_capital_r_tries_the_marked_hosts_now():
    engine = lab()
    async with shown(engine) as pilot:
        await pilot.press("R", "space", "space", "R")
        await pilot.pause()
        assert engine.asked == [("refresh", ("gpu01",)), ("refresh", ("gpu01", "gpu02"))]


async def test_two_shows_the_tasks_and_one_comes_back_to_the_same_host():
    async with shown(lab()) as pilot:
        await pilot.press("j", "j", "2", "1")
        await pilot.pause()
        assert table(pilot).current == "gpu03"


async def test_one_leaves_an_output_for_the_table_below(tmp_path):
    async with shown(with_runs(lab(tmp_path))) as pilot:
        await pilot.press("l")
        await settle(pilot, "epoch 4")
        assert isinstance(pilot.app.screen, OutputScreen)
        await pilot.press("1")
        await settle(pilot, "gpu02")
        assert isinstance(pilot.app.screen, HostsScreen)


@pytest.mark.parametrize("key", ["q", "ctrl+q"])
async def test_q_quits(key):
    async with shown(lab()) as pilot:
        await pilot.press(key)
        await pilot.pause()
        assert not pilot.app.is_running


async def test_ctrl_c_ends_nothing_but_says_how_to_leave():
    async with shown(lab()) as pilot:
        await pilot.press("ctrl+c")
        await settle(pilot, "ctrl+q quits")
        assert pilot.app.is_running


async def test_two_keys_that_arrive_together_open_one_prompt():
    async with shown(lab()) as pilot:
        pilot.app.simulate_key("r")
        pilot.app.simulate_key("r")
        await settle(pilot, "Run on")
        assert len(pilot.app.screen_stack) == 2


async def test_a_click_moves_the_cursor_and_a_click_on_a_key_presses_it():
    async with shown(lab()) as pilot:
        await pilot.click(HostTable, offset=(5, 3))
        assert table(pilot).current == "gpu03"
        await pilot.click("KeyBar", offset=(2, 0))
        await settle(pilot, "Run on gpu03")


async def test_a_click_on_a_tab_goes_there():
    async with shown(lab()) as pilot:
        await pilot.click("Header", offset=(rows(pilot.app)[0].index("Tasks"), 0))
        await settle(pilot, "No tasks yet")


async def test_an_error_of_the_engine_is_told_in_its_own_words_and_ends_nothing():
    engine = lab()
    engine.error = LazytuiError("no room left [/x]")
    async with shown(engine) as pilot:
        await pilot.press("r", *"ls", "enter")
        await settle(pilot, "run: no room left [/x]")
        assert pilot.app.is_running


async def test_a_notice_of_the_engine_is_told():
    engine = lab()
    async with shown(engine) as pilot:
        engine.events.publish(Notice("the journal was set aside"))
        await settle(pilot, "the journal was set aside")


async def test_problems_of_the_configuration_are_a_banner():
    engine = lab()
    engine.problems = ("~/.ssh/config:3: unknown word Hots", "~/.ssh/config:9: loop")
    async with shown(engine) as pilot:
        assert "! ~/.ssh/config:3: unknown word Hots  (and 1 more)" in text(pilot.app)


async def test_without_hosts_the_screen_says_what_to_do_and_offers_no_key_that_cannot_work():
    engine = FakeEngine(config_path="/home/ana/.ssh/config")
    async with shown(engine) as pilot:
        assert "There is no host in /home/ana/.ssh/config" in text(pilot.app)
        assert rows(pilot.app)[-1].split() == ["q", "quit", ":", "commands", "?", "keys"]
        await pilot.press("r", "space", "l", "asterisk", "R", "j", "G", "Q")
        assert isinstance(pilot.app.screen, HostsScreen)


async def test_a_host_that_appears_ends_the_empty_screen():
    engine = FakeEngine()
    async with shown(engine) as pilot:
        engine.add(FakeRuntime("new01", HostState.LISTED, "not tried yet"))
        engine.change("new01")
        await settle(pilot, "new01")
        assert "No hosts yet" not in text(pilot.app)
