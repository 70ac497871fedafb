"""Output of a task on many hosts: grouped, compared, merged, and what its keys do."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

from lazytui.core.events import OutputGrew
from lazytui.core.model import RunState
from lazytui.tui.app import LazytuiApp
from lazytui.tui.screens.output import OutputScreen
from lazytui.tui.screens.task_output import TaskOutputScreen
from lazytui.tui.widgets.merged_view import MergedView, host_colour
from lazytui.tui.widgets.outcome_view import OutcomeView
from tests.tui.fake_engine import STOPPED_CLOCK, FakeEngine, lab
from tests.tui.seen import rows, settle, shown, text
from tests.tui.tasks_of_many import COMMAND, TASK, add_to_task, driver_task, ended

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from textual.pilot import Pilot


@asynccontextmanager
async def task_shown(
    engine: FakeEngine, size: tuple[int, int] = (80, 24), until: str = ""
) -> AsyncIterator[Pilot[None]]:
    """Show the output of the task, once ``until`` is to be seen."""
    async with shown(engine, size) as pilot:
        app = pilot.app
        assert isinstance(app, LazytuiApp)
        await app.push_screen(TaskOutputScreen(app.context, TASK))
        await settle(pilot, until or f"#{TASK}")
        yield pilot


def headings(pilot: Pilot[None]) -> list[str]:
    """Give the headings of the groups, without the cursor."""
    return [row.lstrip("▌ ") for row in rows(pilot.app) if " host" in row and " · " in row][:-1]


# --- grouped -------------------------------------------------------------------------------


async def test_hosts_that_said_the_same_stand_under_one_heading(tmp_path):
    async with task_shown(driver_task(tmp_path), until="1 line differs") as pilot:
        await settle(pilot, "62/100")
        assert headings(pilot) == [
            "gpu[01-03],cpu[01-05]  8 hosts · exit 0  reference",
            "gpu04  1 host · exit 0 · 1 line differs",
            "db01  1 host · exit 127",
            "node07  1 host · not reached  no answer in 5 s",
            "gpu05  1 host · ▸ running 4s",
        ]
        assert "   ~ 535.104.05" in rows(pilot.app)
        assert "     535.161.08" in rows(pilot.app)
        assert "     reading  62% 62/100" in rows(pilot.app)


async def test_the_runs_are_counted_above(tmp_path):
    async with task_shown(driver_task(tmp_path), until="3 different outputs") as pilot:
        assert "✓ 9 ok   ✗ 1 failed   ○ 1 not reached   ▸ 1 running" in text(pilot.app)
        assert f"Tasks › #42 {COMMAND}" in rows(pilot.app)[0]


async def test_a_run_that_ends_joins_its_group_without_a_key(tmp_path):
    engine = driver_task(tmp_path)
    running = list(engine.runs.by_id.values())[-1]
    async with task_shown(engine, until="▸ 1 running") as pilot:
        (tmp_path / f"{running.run_id}.log").write_bytes(b"535.161.08\n")
        ended(engine, running)
        await settle(pilot, "gpu[01-03,05],cpu[01-05]  9 hosts · exit 0  reference")
        assert "running" not in text(pilot.app)


async def test_the_last_line_of_a_running_host_is_live(tmp_path):
    engine = driver_task(tmp_path)
    running = list(engine.runs.by_id.values())[-1]
    async with task_shown(engine, until="62/100") as pilot:
        engine.write(running.run_id, b"\rreading 63% 63/100")
        await settle(pilot, "63/100")
        assert "62/100" not in text(pilot.app)


async def test_what_came_while_another_screen_was_shown_is_there(tmp_path):
    engine = driver_task(tmp_path)
    running = list(engine.runs.by_id.values())[-1]
    async with task_shown(engine, until="62/100") as pilot:
        await pilot.press("2")
        (tmp_path / f"{running.run_id}.log").write_bytes(b"535.104.05\n")
        ended(engine, running)
        await pilot.press("1")
        await settle(pilot, "gpu[04-05]  2 hosts · exit 0 · 1 line differs")


async def test_runs_added_to_the_task_later_are_shown(tmp_path):
    engine = driver_task(tmp_path)
    async with task_shown(engine, until="1 line differs") as pilot:
        run = add_to_task(engine, "cpu06", output=b"535.161.08\n")
        ended(engine, run)
        await settle(pilot, "cpu[01-06]")


async def test_a_task_whose_hosts_all_said_the_same_has_no_reference(tmp_path):
    engine = lab(tmp_path)
    for host in ("gpu01", "gpu02"):
        add_to_task(engine, host, output=b"ok\n")
    async with task_shown(engine, until="gpu[01-02]  2 hosts · exit 0") as pilot:
        await settle(pilot, "1 output")
        assert "reference" not in "\n".join(rows(pilot.app)[:-1])
        assert "= reference" not in rows(pilot.app)[-1]


async def test_hosts_that_said_nothing_say_so(tmp_path):
    engine = lab(tmp_path)
    for host in ("gpu01", "gpu02"):
        add_to_task(engine, host)
    async with task_shown(engine, until="gpu[01-02]  2 hosts · exit 0 · no output"):
        pass


async def test_the_only_output_is_shown_at_length_beside_hosts_that_were_not_reached(tmp_path):
    engine = lab(tmp_path)
    for host in ("gpu01", "gpu02"):
        add_to_task(engine, host, output=b"".join(b"line %d\n" % n for n in range(12)))
    reason = "not reached: refused"
    add_to_task(engine, "node07", RunState.FAILED, None, reason=reason, began=False)
    async with task_shown(engine, until="     line 11") as pilot:
        await settle(pilot, "node07  1 host · not reached  refused")
        assert "= reference" not in rows(pilot.app)[-1]


async def test_reasons_are_told(tmp_path):
    engine = lab(tmp_path)
    add_to_task(engine, "gpu01", RunState.LOST, None, reason="host was rebooted", output=b"x\n")
    add_to_task(engine, "gpu02", RunState.CANCELLED, 130)
    add_to_task(engine, "gpu03", RunState.QUEUED, None, reason="waits for batch 1", began=False)
    async with task_shown(engine, until="○ queued  waits for batch 1") as pilot:
        await settle(pilot, "gpu01  1 host · lost  host was rebooted")
        await settle(pilot, "gpu02  1 host · cancelled · exit 130 · no output  reference")


# --- long outputs --------------------------------------------------------------------------


def long_task(folder) -> FakeEngine:
    engine = lab(folder)
    lines = [b"line %d\n" % number for number in range(1, 51)]
    for host in ("gpu01", "gpu02"):
        add_to_task(engine, host, output=b"".join(lines))
    lines[29] = b"line thirty\n"
    add_to_task(engine, "gpu03", output=b"".join(lines))
    return engine


async def test_a_long_output_is_clipped_and_of_another_one_is_shown_what_differs(tmp_path):
    async with task_shown(long_task(tmp_path), until="1 line differs") as pilot:
        assert "     … 44 more lines · enter opens" in rows(pilot.app)
        assert "     line 6" in rows(pilot.app)
        assert "     line 7" not in rows(pilot.app)
        assert "   ~ line thirty" in rows(pilot.app)
        assert "     … 49 more lines · enter opens" in rows(pilot.app)


async def test_right_shows_more_and_left_less(tmp_path):
    async with task_shown(long_task(tmp_path), (80, 34), until="1 line differs") as pilot:
        await pilot.press("right")
        await settle(pilot, "line 20")
        await pilot.press("left")
        await settle(pilot, "44 more lines")
        await pilot.press("left")
        await pilot.pause()
        assert "line 1" not in text(pilot.app).replace("1 line", "")
        await pilot.press("left", "right")
        await settle(pilot, "44 more lines")


async def test_down_goes_through_an_output_that_is_longer_than_the_screen(tmp_path):
    async with task_shown(long_task(tmp_path), until="1 line differs") as pilot:
        await pilot.press("right")
        await settle(pilot, "line 9")
        for _ in range(60):
            await pilot.press("down")
        await settle(pilot, "▌  gpu03")
        for _ in range(60):
            await pilot.press("up")
        await settle(pilot, "▌  gpu[01-02]")


async def test_enter_opens_the_output_of_one_host_and_escape_comes_back(tmp_path):
    async with task_shown(long_task(tmp_path), until="1 line differs") as pilot:
        await pilot.press("j", "enter")
        await settle(pilot, "line 50")
        assert isinstance(pilot.app.screen, OutputScreen)
        await pilot.press("escape")
        await settle(pilot, "▌  gpu03")


# --- the cursor ----------------------------------------------------------------------------


async def test_keys_move_the_cursor_between_groups(tmp_path):
    async with task_shown(driver_task(tmp_path), until="1 line differs") as pilot:
        view = pilot.app.screen.query_one(OutcomeView)
        for key, place in (
            ("j", 1), ("down", 2), ("k", 1), ("up", 0), ("k", 0), ("G", 4), ("j", 4), ("g", 0),
            ("end", 4), ("home", 0), ("pagedown", 4), ("pageup", 0), ("ctrl+d", 4), ("ctrl+u", 0),
        ):  # fmt: skip
            await pilot.press(key)
            assert (key, view.cursor) == (key, place)


async def test_the_cursor_stays_on_its_group_while_others_come_above_it(tmp_path):
    engine = driver_task(tmp_path)
    async with task_shown(engine, until="1 line differs") as pilot:
        await pilot.press("j", "j")
        for number in range(20, 24):
            ended(engine, add_to_task(engine, f"new{number}", output=b"new\n"))
        await settle(pilot, "new[20-23]  4 hosts")
        await settle(pilot, "▌  db01")


async def test_until_it_is_moved_the_cursor_is_on_the_first_group(tmp_path):
    engine = lab(tmp_path)
    runs = [add_to_task(engine, f"gpu{n:02}", RunState.RUNNING, None) for n in range(1, 5)]
    async with task_shown(engine, until="▌  gpu[01-04]  4 hosts · ▸ running") as pilot:
        ended(engine, runs[3])
        await settle(pilot, "▌  gpu04  1 host · exit 0")


async def test_a_click_moves_the_cursor_and_a_double_click_opens(tmp_path):
    async with task_shown(driver_task(tmp_path), until="1 line differs") as pilot:
        await pilot.click("#grouped", offset=(10, 4))
        await settle(pilot, "▌  gpu04")
        await pilot.click("#grouped", offset=(10, 14))  # below all groups
        await pilot.click("#grouped", offset=(10, 7), times=2)
        await settle(pilot, "command not found")
        assert isinstance(pilot.app.screen, OutputScreen)


# --- keys ----------------------------------------------------------------------------------


async def test_another_group_can_be_the_reference(tmp_path):
    async with task_shown(driver_task(tmp_path), until="1 line differs") as pilot:
        await pilot.press("j", "equals_sign")
        await settle(pilot, "▌  gpu04  1 host · exit 0  reference")
        await settle(pilot, "8 hosts · exit 0 · 1 line differs")


async def test_r_asks_for_a_command_on_just_this_group(tmp_path):
    engine = driver_task(tmp_path)
    async with task_shown(engine, until="1 line differs") as pilot:
        await pilot.press("j", "r")
        await settle(pilot, "gpu04")
        await settle(pilot, COMMAND)
        assert pilot.app.screen is not pilot.app.screen_stack[-2]
        await pilot.press("escape")
        await settle(pilot, "1 line differs")
        assert engine.asked == []


async def test_y_copies_the_node_set(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    async with task_shown(driver_task(tmp_path), until="1 line differs") as pilot:
        await pilot.press("y")
        await settle(pilot, "gpu[01-03],cpu[01-05]: ")
        assert pilot.app.clipboard == "gpu[01-03],cpu[01-05]"


async def test_x_stops_what_runs_and_only_that(tmp_path):
    engine = driver_task(tmp_path)
    running = list(engine.runs.by_id.values())[-1]
    async with task_shown(engine, until="▸ running") as pilot:
        await pilot.press("x")
        await settle(pilot, "Stop #42 on gpu05?")
        await pilot.press("t")
        await settle(pilot, "1 line differs")
        await pilot.pause()
        assert engine.asked == [("stop_run", running.run_id, "TERM")]


async def test_capital_x_kills_after_a_question(tmp_path):
    engine = driver_task(tmp_path)
    running = list(engine.runs.by_id.values())[-1]
    async with task_shown(engine, until="▸ running") as pilot:
        await pilot.press("X")
        await settle(pilot, "Kill #42 on gpu05 now?")
        await pilot.press("escape")
        await settle(pilot, "1 line differs")
        assert engine.asked == []
        await pilot.press("X")
        await settle(pilot, "Kill #42 on gpu05 now?")
        await pilot.press("y")
        await settle(pilot, "1 line differs")
        await pilot.pause()
        assert engine.asked == [("stop_run", running.run_id, "KILL")]


async def test_nothing_that_runs_nothing_to_stop(tmp_path):
    async with task_shown(long_task(tmp_path), until="1 line differs") as pilot:
        assert "x stop" not in rows(pilot.app)[-1]
        await pilot.press("x")
        await pilot.pause()
        assert isinstance(pilot.app.screen, TaskOutputScreen)


@pytest.mark.parametrize(("key", "name"), [("f", "task-42"), ("g", "task-42.txt")])
async def test_everything_is_saved_as_asked(key, name, tmp_path, monkeypatch):
    spools = tmp_path / "spools"
    spools.mkdir()
    monkeypatch.chdir(tmp_path)
    async with task_shown(driver_task(spools), until="1 line differs") as pilot:
        await pilot.press("S")
        await settle(pilot, "Save the output of #42?")
        await pilot.press(key)
        await settle(pilot, "Saved:")
    saved = tmp_path / name
    assert saved.exists()
    if key == "f":
        assert (saved / "gpu04.log").read_bytes() == b"535.104.05\n"
    else:
        assert saved.read_bytes().startswith(
            b"---------------\ngpu[01-03],cpu[01-05] (8) exit 0\n---------------\n535.161.08\n"
        )


# --- merged --------------------------------------------------------------------------------


async def test_m_goes_from_grouped_to_merged_to_one_host_and_back(tmp_path):
    async with task_shown(driver_task(tmp_path), until="1 line differs") as pilot:
        await pilot.press("m")
        await settle(pilot, "gpu04 │ 535.104.05")
        await pilot.press("m")
        await settle(pilot, "· gpu01")
        assert isinstance(pilot.app.screen, OutputScreen)
        await pilot.press("escape")
        await settle(pilot, "1 line differs")


async def test_merged_lines_come_as_they_are_written_with_their_host(tmp_path):
    engine = driver_task(tmp_path)
    running = list(engine.runs.by_id.values())[-1]
    async with task_shown(engine, until="1 line differs") as pilot:
        await pilot.press("m")
        await settle(pilot, " db01 │ bash: nvidia-smi: command not found")
        assert "62/100" not in text(pilot.app)
        engine.write(running.run_id, b"\ndone reading\nhalf a li")
        await settle(pilot, "gpu05 │ done reading")
        assert "half" not in text(pilot.app)
        ended(engine, running)
        await settle(pilot, "gpu05 │ half a li")


async def test_merged_lines_are_followed_until_the_user_scrolls_up(tmp_path):
    engine = lab(tmp_path)
    run = add_to_task(engine, "gpu01", RunState.RUNNING, None)
    add_to_task(engine, "gpu02", RunState.RUNNING, None)
    engine.write(run.run_id, b"".join(b"line %d\n" % n for n in range(200)))
    async with task_shown(engine, until="▸ running") as pilot:
        await pilot.press("m")
        await settle(pilot, "line 199")
        assert "following" in text(pilot.app)
        await pilot.press("g")
        await settle(pilot, "not following")
        assert "line 0" in text(pilot.app)
        engine.write(run.run_id, b"one more\n")
        await pilot.pause(0.3)
        assert "one more" not in text(pilot.app)
        await pilot.press("j", "k", "pagedown", "pageup", "ctrl+d", "ctrl+u", "G")
        await settle(pilot, "one more")
        await pilot.press("up")
        await settle(pilot, "not following")
        await pilot.press("f")
        await settle(pilot, "one more")
        assert pilot.app.screen.query_one(MergedView).follow
        await pilot.press("f")
        await settle(pilot, "not following")


async def test_in_the_merged_text_r_means_all_hosts(tmp_path):
    async with task_shown(driver_task(tmp_path), until="1 line differs") as pilot:
        await pilot.press("m")
        await settle(pilot, "gpu04 │ 535.104.05")
        await pilot.press("r")
        await settle(pilot, "12 hosts")


def test_a_host_always_has_the_same_colour_and_its_neighbour_another():
    assert [host_colour(f"gpu{n:02}") for n in range(5)] == [
        host_colour(f"gpu{n:02}") for n in range(5, 10)
    ]
    assert len({host_colour(f"gpu{n:02}") for n in range(5)}) == 5
    assert host_colour("") == host_colour("")


# --- odd inputs ----------------------------------------------------------------------------

EVIL = (
    b"\x1b]52;c;ZXZpbA==\x07[/x][@click=app.quit]\x1b[2J\xff\xe2\x80\xae\xe6\x97\xa5\xe6\x9c\xac\n"
)


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (10, 3), (1, 1), (200, 50)])
async def test_any_text_fits_on_any_terminal(size, tmp_path):
    engine = lab(tmp_path)
    names = ("gpu01", "x" * 200, "日本語ホスト", "[/x]", "\x1b[31mred", "a\nb")
    for name in names:
        add_to_task(engine, name, output=EVIL + name.encode())
    add_to_task(engine, "down", RunState.FAILED, None, reason="[/b]\x1b[2J\u202e", began=False)
    add_to_task(engine, "run", RunState.RUNNING, None, output=EVIL + b"\x1b[5mlive [/y]\r")
    async with shown(engine, size) as pilot:
        await pilot.app.push_screen(TaskOutputScreen(pilot.app.context, TASK))
        await pilot.pause(0.5)
        for key in ("j", "right", "left", "left", "G", "g", "pagedown", "equals_sign", "r",
                    "escape", "S", "escape", "x", "escape", "m", "g", "j", "f", "f"):  # fmt: skip
            await pilot.press(key)
        await pilot.pause(0.2)
        seen = text(pilot.app)
        assert pilot.app.is_running
        assert not {"\x1b", "\u202e", "\x07"} & set(seen)


async def test_markup_is_shown_as_it_is(tmp_path):
    engine = lab(tmp_path)
    add_to_task(engine, "gpu01", output=b"[b]bold[/b] [/x]\n")
    async with task_shown(engine, until="     [b]bold[/b] [/x]"):
        pass


async def test_a_spool_that_cannot_be_read_is_told(tmp_path):
    engine = lab(tmp_path)
    run = add_to_task(engine, "gpu01")
    path = tmp_path / f"{run.run_id}.log"
    path.unlink()
    path.mkdir()
    async with task_shown(engine, until="Cannot read the output: Is a directory"):
        pass


async def test_a_run_the_engine_has_let_go_stays(tmp_path):
    engine = driver_task(tmp_path)
    gone = next(iter(engine.runs.by_id))
    async with task_shown(engine, until="1 line differs") as pilot:
        del engine.runs.by_id[gone]
        engine.events.publish(OutputGrew(gone, 100))
        engine.change("gpu01", alive_runs=1)
        await pilot.press("j")
        await settle(pilot, "8 hosts")


async def test_a_thousand_hosts_end_in_one_group_whatever_the_order(tmp_path):
    engine = lab(tmp_path)
    runs = [
        add_to_task(engine, f"n{n:04}", RunState.RUNNING, None, output=b"ok\n") for n in range(1000)
    ]
    async with task_shown(engine, until="n[0000-0999]  1000 hosts · ▸ running") as pilot:
        for run in runs[::2] + runs[1::2]:
            ended(engine, run)
        await settle(pilot, "n[0000-0999]  1000 hosts · exit 0")
        assert "✓ 1000 ok" in text(pilot.app)


async def test_leaving_while_outputs_are_read_leaves_nothing_behind(tmp_path):
    engine = lab(tmp_path)
    for n in range(20):
        add_to_task(engine, f"n{n}", output=b"line\n" * 200_000)
    async with task_shown(engine) as pilot:
        screen = pilot.app.screen
        await pilot.press("escape")
        await settle(pilot, "bastion")
        assert not [worker for worker in pilot.app.workers if worker.node is screen]
    screen.tick()
    screen.rebuild()


# --- the look ------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(80, 24), (130, 34), (40, 10)], ids=["80x24", "130x34", "40x10"])
@pytest.mark.parametrize("keys", [[], ["j"], ["m"]], ids=["grouped", "cursor", "merged"])
def test_the_output_of_a_task_looks_as_before(keys, size, snap_compare, tmp_path):
    app = LazytuiApp(driver_task(tmp_path), clock=STOPPED_CLOCK)

    async def go(pilot) -> None:
        await pilot.pause()
        await app.push_screen(TaskOutputScreen(app.context, TASK))
        await settle(pilot, "· 1 line")
        await pilot.press(*keys)
        if keys == ["m"]:
            await settle(pilot, "db01 │")

    assert snap_compare(app, terminal_size=size, run_before=go)
