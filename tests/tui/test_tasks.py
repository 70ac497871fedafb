"""Tasks: one row each, newest first, with its runs folded, and what the keys do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lazytui.core.model import RunState
from lazytui.tui.screens.hosts import HostsScreen
from lazytui.tui.screens.output import OutputScreen
from lazytui.tui.screens.tasks import TasksScreen
from tests.tui.fake_engine import NOW, lab, with_runs
from tests.tui.seen import row_of, rows, settle, shown, text

if TYPE_CHECKING:
    from textual.pilot import Pilot

Q, R, S = RunState.QUEUED, RunState.RUNNING, RunState.SUCCEEDED
F, C, L = RunState.FAILED, RunState.CANCELLED, RunState.LOST
DAY = 86_400.0


async def go(pilot: Pilot[None], *keys: str, clear: bool = True) -> TasksScreen:
    """Go to Tasks, show all of them, and press keys."""
    await pilot.press("2")
    await settle(pilot, "x stop" if "2 Tasks" not in text(pilot.app) else "Tasks")
    screen = pilot.app.screen
    assert isinstance(screen, TasksScreen)
    if clear:
        screen.set_filter("")
        await pilot.press("g")
    await pilot.press(*keys)
    await pilot.pause()
    return screen


# --- one row a task ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("eval.py", "#7 ○ queued python eval.py gpu03"),
        ("train.py", "#6 ▸ running python train.py --lr 3e-4 gpu01 02:14:07"),
        ("sleep", "#5 ✗ cancelled sleep 600 gpu02 exit 130 1m 01s"),
        ("make -j8", "#4 ✗ failed make -j8 all cpu02 exit 2 3m 11s"),
        ("uptime", "#3 ✗ failed uptime node07 no answer in 5 s"),
        ("df -h", "#2 ✓ done df -h /data cpu01 exit 0 0.3s"),
        ("bench", "#1 ? lost make bench gpu04 host was rebooted"),
    ],
)
async def test_a_task_with_one_run_says_its_state_and_result(command, said):
    async with shown(with_runs(lab())) as pilot:
        await go(pilot, "G")
        await settle(pilot, "7 of 7")
        assert " ".join(row_of(pilot.app, command).strip("▌ ").split()) == said


async def test_a_task_on_many_hosts_is_one_row_that_counts_its_runs():
    engine = lab()
    engine.add_task(
        "uptime", [("gpu01", S), ("gpu02", S), ("gpu03", F), ("cpu01", Q)], exit_status=1
    )
    async with shown(engine) as pilot:
        await go(pilot)
        assert "#1  ▸ running    uptime" in row_of(pilot.app, "uptime")
        assert "gpu[01-03],cpu01" in row_of(pilot.app, "#1") or "+1" in row_of(pilot.app, "#1")
        assert "2✓ 1✗ 1○" in row_of(pilot.app, "#1")


async def test_the_details_name_the_hosts_with_trouble():
    engine = lab()
    hosts = [(f"gpu{n:02}", S if n < 7 else F) for n in range(1, 10)]
    engine.add_task("pip install -r req.txt", hosts, exit_status=1)
    async with shown(engine) as pilot:
        await go(pilot)
        await settle(pilot, "6 done  3 failed  after 4s · gpu[07-09] exit 1")


async def test_hosts_that_are_a_group_are_shown_by_its_name():
    engine = lab()
    engine.members = {"train": ["gpu01", "gpu02"]}
    engine.add_task("uptime", [("gpu02", S), ("gpu01", S)])
    async with shown(engine) as pilot:
        await go(pilot)
        await settle(pilot, "@train")


async def test_the_details_explain_a_lost_run():
    async with shown(with_runs(lab()), (130, 34)) as pilot:
        await go(pilot, "G")
        await settle(
            pilot,
            "? lost  host was rebooted · its exit status is not known; the output so far is kept",
        )


async def test_the_header_counts_what_needs_a_look_first():
    async with shown(with_runs(lab()), (130, 34)) as pilot:
        await go(pilot)
        await settle(pilot, "1 running · 1 queued · 2 failed · 1 lost")


async def test_older_days_are_named_and_the_cursor_passes_over_their_rows():
    engine = lab()
    engine.add_task("oldest", [("gpu01", S)], ago=9 * DAY)
    engine.add_task("older", [("gpu01", S)], ago=DAY)
    engine.add_task("today", [("gpu01", S)], ago=60)
    async with shown(engine) as pilot:
        await go(pilot, "j")
        assert "── yesterday ──" in text(pilot.app)
        assert "── 3 January ──" in text(pilot.app)  # the clock of the tests stands at 12 January
        assert row_of(pilot.app, "older").startswith("▌")
        await settle(pilot, "2 of 3")
        await pilot.press("j", "j")
        assert row_of(pilot.app, "oldest").startswith("▌")
        await pilot.press("k", "k")
        assert row_of(pilot.app, "today").startswith("▌")


async def test_a_day_at_the_top_is_seen_and_cannot_be_marked():
    engine = lab()
    engine.add_task("older", [("gpu01", S)], ago=DAY)
    async with shown(engine) as pilot:
        screen = await go(pilot, "g", "asterisk")
        assert "── yesterday ──" in text(pilot.app)
        assert row_of(pilot.app, "older").startswith("▌✓")
        assert screen.table.marked == ["1"]


# --- live --------------------------------------------------------------------------------


async def test_a_run_that_ends_is_seen_without_a_key():
    engine = with_runs(lab())
    async with shown(engine) as pilot:
        await go(pilot)
        await settle(pilot, "#6  ▸ running")
        engine.change_run(f"{6:032x}", state=RunState.SUCCEEDED, exit_status=0, ended=NOW)
        await settle(pilot, "#6  ✓ done")


async def test_progress_is_read_from_the_end_of_the_output(tmp_path):
    engine = lab(tmp_path)
    record = engine.add_run("gpu01", "train", output=b"\r 31%|###    | 31/100")
    async with shown(engine) as pilot:
        await go(pilot)
        await settle(pilot, "31%")
        assert "31%" in row_of(pilot.app, "#1")
        engine.write(record.run_id, b"\nLAZYTUI_STATUS: epoch 5/9\n")
        await settle(pilot, "epoch 5/9")


async def test_a_new_task_does_not_move_the_cursor_from_its_task():
    engine = with_runs(lab())
    async with shown(engine) as pilot:
        await go(pilot, "j")
        engine.add_run("cpu01", "uname -a", publish=True)
        await settle(pilot, "#8")
        assert row_of(pilot.app, "train.py").startswith("▌")


async def test_tasks_made_while_another_screen_was_shown_are_there():
    engine = with_runs(lab())
    async with shown(engine) as pilot:
        await go(pilot, "1")
        engine.add_run("cpu01", "uname -a", publish=True)
        await go(pilot)
        await settle(pilot, "uname -a")


# --- output, again -----------------------------------------------------------------------


@pytest.mark.parametrize("key", ["l", "enter", "d"])
async def test_a_task_with_one_run_opens_its_output(key, tmp_path):
    async with shown(with_runs(lab(tmp_path))) as pilot:
        await go(pilot, "j", key)
        await settle(pilot, "epoch 4 loss 0.412")
        assert isinstance(pilot.app.screen, OutputScreen)


async def test_a_task_with_several_runs_opens_them_together(tmp_path):
    engine = lab(tmp_path)
    engine.add_task("uptime", [("gpu01", S), ("gpu02", S)], output=b"up 3 days\n")
    async with shown(engine) as pilot:
        await go(pilot, "l")
        await settle(pilot, "up 3 days")
        assert type(pilot.app.screen).__name__ == "TaskOutputScreen"


async def test_r_asks_to_run_the_same_again_there():
    async with shown(with_runs(lab())) as pilot:
        await go(pilot, "j", "r")
        await settle(pilot, "Run")
        assert "python train.py --lr 3e-4" in text(pilot.app)
        assert "gpu01" in text(pilot.app)


# --- stopping ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("keys", "signal"),
    [("i", "INT"), ("t", "TERM"), ("k", "KILL"), (("enter",), "INT"), (("down", "enter"), "TERM"),
     (("up", "enter"), "KILL")],
)  # fmt: skip
async def test_x_asks_for_a_signal_sends_it_and_says_so(keys, signal):
    engine = with_runs(lab())
    async with shown(engine) as pilot:
        await go(pilot, "j", "x")
        await settle(pilot, "Stop #6 on gpu01?")
        await pilot.press(*keys)
        await settle(pilot, f"{signal} sent to 1 run")
        assert engine.asked == [("stop_run", f"{6:032x}", signal)]


async def test_at_the_second_word_enter_kills_and_the_menu_says_so():
    engine = lab()
    engine.add_run("gpu01", "sleep 9", reason="stopping (INT)")
    async with shown(engine) as pilot:
        await go(pilot, "x")
        await settle(pilot, "It was told to end before, and still runs: now KILL.")
        await pilot.press("enter")
        await settle(pilot, "KILL sent to 1 run")
        assert engine.asked == [("stop_run", f"{1:032x}", "KILL")]


async def test_as_long_as_some_were_not_told_to_end_enter_asks_them_kindly():
    engine = lab()
    for reason in ("stopping (INT)", ""):
        engine.add_run("gpu01", "sleep 9", reason=reason)
    async with shown(engine) as pilot:
        await go(pilot, "space", "space", "x")
        await settle(pilot, "1 of 2 were told to end before, and still run.")
        await pilot.press("enter")
        await settle(pilot, "INT sent to 2 runs")


async def test_x_stops_all_running_runs_of_a_task():
    engine = lab()
    engine.add_task("sleep 9", [("gpu01", R), ("gpu02", S), ("gpu03", R)])
    async with shown(engine) as pilot:
        await go(pilot, "x")
        await settle(pilot, "Stop 2 runs of #1?")
        assert "on gpu[01,03]" in text(pilot.app)
        await pilot.press("t")
        await settle(pilot, "TERM sent to 2 runs")


async def test_marked_tasks_run_again_everywhere_or_where_they_failed():
    engine = lab()
    engine.add_task("make", [("gpu01", S), ("gpu02", F)])
    engine.add_task("test", [("gpu01", L)])
    engine.add_task("lint", [("gpu01", S)])
    async with shown(engine) as pilot:
        screen = await go(pilot, "asterisk")
        assert "the marked: r again  D forget" in text(pilot.app)
        await pilot.press("r")
        await settle(pilot, "Run 3 tasks again?")
        assert "where they failed   2 tasks, 2 runs" in text(pilot.app)
        assert "everywhere   3 tasks, 4 runs" in text(pilot.app)
        await pilot.press("f")
        await settle(pilot, "Again: 2 tasks, 2 runs")
        assert engine.asked == [("run_again", 1, ("gpu02",)), ("run_again", 2, ("gpu01",))]
        assert screen.table.marked == []
        await pilot.press("asterisk", "r", "a")
        await settle(pilot, "Again: 5 tasks, 6 runs")


async def test_what_still_runs_may_be_stopped_before_it_runs_again():
    engine = lab()
    engine.add_task("sleep 9", [("gpu01", R), ("gpu02", S), ("gpu03", R)])
    async with shown(engine) as pilot:
        await go(pilot, "r")
        await settle(pilot, "where it runs: stop it, then again   2 hosts")
        await pilot.press("s")
        await settle(pilot, "#1 is stopped, then run again")
        assert engine.asked == [("restart", 1, ("gpu01", "gpu03"))]


async def test_nothing_runs_again_and_marks_stay_after_esc():
    engine = lab()
    engine.add_task("make", [("gpu01", S)])
    engine.add_task("test", [("gpu01", S)])
    async with shown(engine) as pilot:
        screen = await go(pilot, "asterisk", "r")
        await settle(pilot, "Run 2 tasks again?")
        assert "where they failed" not in text(pilot.app)
        await pilot.press("escape")
        await settle(pilot, "2 marked")
        assert engine.asked == []
        assert sorted(screen.table.marked) == ["1", "2"]


async def test_marks_stop_the_runs_of_several_tasks():
    engine = lab()
    for host in ("gpu01", "gpu02"):
        engine.add_task("sleep 9", [(host, R)])
    async with shown(engine) as pilot:
        await go(pilot, "space", "space", "x")
        await settle(pilot, "Stop 2 runs of 2 tasks?")


async def test_a_host_that_the_signal_did_not_reach_is_named():
    engine = with_runs(lab())
    engine.troubles = {"gpu01": "no answer in 5 s"}
    async with shown(engine) as pilot:
        await go(pilot, "j", "x", "i")
        await settle(pilot, "not sent to gpu01: no answer")


async def test_escape_in_the_stop_menu_stops_nothing():
    engine = with_runs(lab())
    async with shown(engine) as pilot:
        await go(pilot, "j", "x", "escape")
        await settle(pilot, "#6  ▸ running")
        assert engine.asked == []


async def test_a_click_on_a_signal_sends_it_and_one_beside_the_menu_goes_back():
    engine = with_runs(lab())
    async with shown(engine) as pilot:
        await go(pilot, "j", "x")
        await settle(pilot, "Stop #6")
        await pilot.click("#choices", offset=(4, 1))
        await settle(pilot, "#6  ▸ running")
        assert engine.asked == [("stop_run", f"{6:032x}", "TERM")]
        await pilot.press("x")
        await settle(pilot, "Stop #6")
        await pilot.click(offset=(0, 0))
        await settle(pilot, "#6  ▸ running")
        assert len(engine.asked) == 1


async def test_a_task_that_is_over_cannot_be_stopped_and_x_is_not_offered():
    async with shown(with_runs(lab())) as pilot:
        await go(pilot, "G", "x", "X")
        assert isinstance(pilot.app.screen, TasksScreen)
        assert "x stop" not in rows(pilot.app)[-1]


async def test_kill_asks_first():
    engine = with_runs(lab())
    async with shown(engine) as pilot:
        await go(pilot, "j", "X")
        await settle(pilot, "Kill #6 on gpu01 now?")
        await pilot.press("enter")  # nothing is highlighted: an answer must be meant
        assert engine.asked == []
        await pilot.press("y")
        await settle(pilot, "KILL sent to 1 run")


async def test_killing_on_many_hosts_takes_their_number():
    engine = lab()
    engine.add_task("sleep 9", [(f"gpu{n:02}", R) for n in range(1, 8)])
    async with shown(engine) as pilot:
        await go(pilot, "X")
        await settle(pilot, "Type 7 and press enter to kill.")
        await pilot.press("8", "enter")
        await settle(pilot, "the number is 7")
        assert engine.asked == []
        await pilot.press("backspace", "7", "enter")
        await settle(pilot, "KILL sent to 7 runs")


# --- forgetting --------------------------------------------------------------------------


async def test_forgetting_asks_and_takes_the_task_off_the_list():
    engine = with_runs(lab())
    async with shown(engine) as pilot:
        await go(pilot, "G", "D")
        await settle(pilot, "Forget #1?")
        assert "make bench" in text(pilot.app)
        await pilot.press("y")
        await settle(pilot, "1 task forgotten")
        await settle(pilot, "6 of 6")
        assert engine.asked == [("forget", (1,))]


async def test_marked_tasks_that_go_on_are_not_forgotten():
    engine = with_runs(lab())
    async with shown(engine) as pilot:
        await go(pilot, "asterisk", "D")
        await settle(pilot, "Forget 5 tasks?")
        assert "2 of the marked tasks go on and stay." in text(pilot.app)
        await pilot.press("n")
        await pilot.pause()
        assert engine.asked == []


async def test_what_goes_on_cannot_be_forgotten():
    async with shown(with_runs(lab())) as pilot:
        await go(pilot, "j", "D")
        assert isinstance(pilot.app.screen, TasksScreen)


# --- filter and order --------------------------------------------------------------------


async def test_a_filter_works_while_it_is_typed_stays_with_enter_and_goes_with_escape():
    async with shown(with_runs(lab())) as pilot:
        await go(pilot, "slash", *"make")
        await settle(pilot, "2 of 7")
        assert "eval.py" not in text(pilot.app)
        await pilot.press("enter")
        await settle(pilot, "/ make")
        await pilot.press("escape")
        await settle(pilot, "of 7")
        assert "eval.py" in text(pilot.app)


async def test_a_filter_that_says_nothing_is_told_and_keeps_the_last_result():
    async with shown(with_runs(lab())) as pilot:
        await go(pilot, "slash", *"make state:u")
        await settle(pilot, "state:u: one of queued")
        await pilot.press("enter")
        await settle(pilot, "/ make state  ")


async def test_a_filter_without_result_says_the_way_back():
    async with shown(with_runs(lab())) as pilot:
        await go(pilot, "slash", *"nosuch", "enter")
        await settle(pilot, "None of 7 matches   esc shows all")


async def test_f_shows_only_what_failed_or_was_lost():
    async with shown(with_runs(lab())) as pilot:
        await go(pilot, "f")
        await settle(pilot, "failed only")
        await settle(pilot, "3 of 7")
        await pilot.press("f")
        await settle(pilot, "eval.py")


async def test_tasks_are_sorted_by_what_one_chooses():
    async with shown(with_runs(lab())) as pilot:
        screen = await go(pilot, "o")
        await settle(pilot, "Sort tasks by")
        await pilot.press("c")
        await pilot.pause()
        names = [task.name for task in screen.table.tasks]
        assert names == sorted(names)
        await pilot.press("O")
        await settle(pilot, "▲")


async def test_one_host_shows_its_own_tasks():
    async with shown(with_runs(lab())) as pilot:
        screen = await go(pilot)
        screen.set_filter("host:gpu01")
        await settle(pilot, "1 of 7")
        assert "train.py" in text(pilot.app)


# --- leaving, odd things -----------------------------------------------------------------


async def test_escape_goes_back_to_the_hosts():
    async with shown(with_runs(lab())) as pilot:
        await go(pilot, "escape")
        assert isinstance(pilot.app.screen, HostsScreen)


async def test_without_tasks_the_screen_says_how_to_make_one():
    async with shown(lab()) as pilot:
        await go(pilot)
        await settle(pilot, "r on a host runs a command there: try uptime")
        assert "1 of" not in text(pilot.app)


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (130, 34)])
async def test_hostile_names_stay_in_their_cells(size):
    engine = lab()
    evil = "[red]x[/] \x1b[2J\x1b]0;t\x07 日本語 e\u0301 " + "y" * 200
    engine.add_task(evil, [(f"{evil} {n}", F) for n in range(3)], reason=evil, exit_status=None)
    engine.add_task("after", [("gpu01", S)])
    async with shown(engine, size) as pilot:
        await go(pilot, "j", "x", "slash", *"[red]", "enter")
        assert "[red]x[/]" in text(pilot.app)
        assert "\x1b" not in text(pilot.app)
        assert len(rows(pilot.app)) == size[1]
        await pilot.press("D")
        await settle(pilot, "Forget #1?")
