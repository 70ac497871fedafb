"""The output of a run of several steps: each under a heading, folded or open."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lazytui.core.model import RunState
from lazytui.core.run_steps import RunStep
from tests.tui.fake_engine import NOW, FakeEngine, up
from tests.tui.seen import row_of, rows, settle, shown, text

DONE, FAILED, RUNNING = RunState.SUCCEEDED, RunState.FAILED, RunState.RUNNING
FIRST = b"".join(b"first %d\n" % number for number in range(100))
SECOND = b"".join(b"second %d\n" % number for number in range(100))
MAKE_ALL = RunStep(0, "run_command", "make all", DONE, 0, 0, NOW - 60, NOW - 48)
MAKE_TEST = RunStep(1, "run_command", "make test", FAILED, 3, len(FIRST), NOW - 48, NOW - 45)
GET = RunStep(2, "get_file", "get out.tar /tmp/")
STEPS = [MAKE_ALL, MAKE_TEST, GET]


@pytest.fixture
def engine(tmp_path):
    engine = FakeEngine(spool_dir=tmp_path)
    engine.add(up("gpu01", 0.1, 0.1, 0.1))
    return engine


def add(engine, output, steps, state=FAILED):
    status = 3 if state is FAILED else None
    run = engine.add_run("gpu01", "a", state=state, exit_status=status, ago=60, output=output)
    engine.run_steps_of[run.run_id] = steps
    return run


async def opened(pilot, until="make test"):
    await pilot.press("l")
    await settle(pilot, until)
    await settle(pilot, "enter fold")


def body(app):
    """Give the rows of the text."""
    return [row.strip() for row in rows(app)[2:-3]]


async def test_the_step_that_failed_is_open_and_its_end_in_sight(engine):
    add(engine, FIRST + SECOND, STEPS)
    async with shown(engine) as pilot:
        await opened(pilot, "second 99")
        assert "not begun" in row_of(pilot.app, "get  out.tar")
        await pilot.press("g")
        await settle(pilot, "make all")
        heading = row_of(pilot.app, "make all").strip()
        assert heading.startswith("▸ 1 run  make all")
        assert heading.endswith("✓ done  exit 0     12s     100 lines")
        assert "✗ failed  exit 3      3s     100 lines" in row_of(pilot.app, "▾ 2 run  make test")
        assert "first 0" not in text(pilot.app)
        assert body(pilot.app)[2].startswith("second 0")


async def test_left_right_and_enter_fold_the_step_of_the_cursor(engine):
    add(engine, FIRST + SECOND, STEPS)
    async with shown(engine) as pilot:
        await opened(pilot, "second 99")
        await pilot.press("g", "right")
        await settle(pilot, "first 0")
        await pilot.press("down", "down", "left")  # from a line of it
        await settle(pilot, "▾ 2 run  make test")
        assert "first 0" not in text(pilot.app)
        await pilot.press("enter")
        await settle(pilot, "first 0")
        await pilot.press("enter")
        await settle(pilot, "second 0")
        assert "first 0" not in text(pilot.app)


async def test_one_key_folds_all_and_opens_all(engine):
    add(engine, FIRST + SECOND, STEPS)
    async with shown(engine) as pilot:
        await opened(pilot, "second 99")
        await pilot.press("F")
        await settle(pilot, "▸ 2 run")
        assert [row[:1] for row in body(pilot.app)[:4]] == ["▸", "▸", "3", ""]
        await pilot.press("F")
        await settle(pilot, "▾ 1 run")
        await pilot.press("g", "down")
        await settle(pilot, "first 0")


async def test_a_step_is_chosen_from_a_menu_and_its_output_shown(engine):
    add(engine, FIRST + SECOND, STEPS)
    async with shown(engine) as pilot:
        await opened(pilot, "second 99")
        await pilot.press("s")
        await settle(pilot, "Go to the output of")
        assert "✓  make all" in text(pilot.app)
        assert "✗  make test" in text(pilot.app)
        await pilot.press("1")
        await settle(pilot, "first 0")
        assert body(pilot.app)[0].startswith("▾ 1 run  make all")
        await pilot.press("right_square_bracket")
        await settle(pilot, "first 99")
        await pilot.press("s", "2")
        await settle(pilot, "second 0")
        assert body(pilot.app)[0].startswith("▾ 2 run  make test")
        assert "first 99" not in text(pilot.app)


async def test_a_step_folds_when_the_next_begins_and_stays_as_the_user_put_it(engine):
    first = replace(MAKE_ALL, state=RUNNING, exit_status=None, ended=None)
    second = RunStep(1, "run_command", "make test")
    run = add(engine, FIRST, [first, second, GET], state=RUNNING)
    async with shown(engine) as pilot:
        await opened(pilot, "first 99")
        engine.run_steps_of[run.run_id] = [MAKE_ALL, replace(MAKE_TEST, state=RUNNING), GET]
        engine.write(run.run_id, SECOND)
        engine.change_run(run.run_id, step=1)
        await settle(pilot, "second 99")
        await pilot.press("g")
        await settle(pilot, "▸ 1 run  make all")
        await pilot.press("enter")
        await settle(pilot, "first 0")
        engine.run_steps_of[run.run_id] = [MAKE_ALL, MAKE_TEST, GET]
        engine.change_run(run.run_id, state=FAILED)
        await settle(pilot, "✗ failed")
        assert "first 0" in text(pilot.app)


async def test_output_without_a_line_end_does_not_run_into_the_next_step(engine):
    steps = [replace(MAKE_ALL, start=0), replace(MAKE_TEST, start=5), replace(GET)]
    add(engine, b"aaaaabbbbb", steps)
    async with shown(engine) as pilot:
        await opened(pilot, "bbbbb")
        await pilot.press("g", "enter")
        await settle(pilot, "aaaaa")
        assert body(pilot.app)[1] == "aaaaa"
        assert body(pilot.app)[3] == "bbbbb"
        assert "1 line" in row_of(pilot.app, "make all")


async def test_a_match_in_a_folded_step_is_counted_and_opened(engine):
    add(engine, FIRST + SECOND, STEPS)
    async with shown(engine) as pilot:
        await opened(pilot, "second 99")
        await pilot.press("slash", *"first 42", "enter")
        await settle(pilot, "1 match")
        await settle(pilot, "first 42")
        await pilot.press("ampersand")
        await settle(pilot, "▾ 1 run  make all")
        assert [row for row in body(pilot.app) if row.startswith(("first", "sec"))] == ["first 42"]
        assert "1 line" in row_of(pilot.app, "make all")
        assert "0 lines" in row_of(pilot.app, "make test")


async def test_what_is_copied_and_saved_is_not_folded_away(engine, tmp_path):
    add(engine, FIRST + SECOND, STEPS)
    async with shown(engine) as pilot:
        await opened(pilot, "second 99")
        await pilot.press("F", "y", "l")
        await pilot.pause()
        assert pilot.app.clipboard.splitlines()[0] == "first 0"
        assert len(pilot.app.clipboard.splitlines()) == 200


async def test_steps_that_did_not_begin_never_push_the_running_one_out_of_sight(engine):
    waiting = [RunStep(number, "run_command", f"later {number}") for number in range(1, 40)]
    first = replace(MAKE_ALL, state=RUNNING, exit_status=None, ended=None)
    add(engine, FIRST, [first, *waiting], state=RUNNING)
    async with shown(engine) as pilot:
        await opened(pilot, "first 99")
        assert "later 1" in text(pilot.app)
        assert "not begun and 36 more" in text(pilot.app)


async def test_a_run_of_one_step_has_no_headings(engine):
    add(engine, FIRST, [MAKE_ALL])
    async with shown(engine) as pilot:
        await pilot.press("l")
        await settle(pilot, "first 99")
        assert "make all" not in text(pilot.app)
        assert "fold" not in rows(pilot.app)[-1]
