"""The output of a run of several steps: from step to step."""

from __future__ import annotations

from lazytui.core.model import RunState
from lazytui.core.step import CommandSpec
from tests.tui.fake_engine import FakeEngine, up
from tests.tui.seen import settle, shown, text

FIRST = b"".join(b"first %d\n" % number for number in range(100))
SECOND = b"".join(b"second %d\n" % number for number in range(100))


async def test_a_step_is_chosen_from_a_menu_and_its_output_shown(tmp_path):
    engine = FakeEngine(spool_dir=tmp_path)
    engine.add(up("gpu01", 0.1, 0.1, 0.1))
    run = engine.add_run(
        "gpu01", "a; b", state=RunState.FAILED, exit_status=3, ago=60, output=FIRST + SECOND
    )
    steps = [CommandSpec(command).to_step() for command in ("make all", "make test", "make it")]
    engine.steps[run.task_id] = steps
    engine.starts = {0: 0, 1: len(FIRST)}
    async with shown(engine) as pilot:
        await pilot.press("l")
        await settle(pilot, "second 99")
        await pilot.press("s")
        await settle(pilot, "Go to the output of")
        assert "✓  make all" in text(pilot.app)
        assert "✗  make test" in text(pilot.app)
        await pilot.press("1")
        await settle(pilot, "first 0")
        await pilot.press("s", "2")
        await settle(pilot, "second 0")
        assert "first 99" not in text(pilot.app)
