"""A task on many hosts, as the tests of its screens know it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from lazytui.core.events import RunChanged
from lazytui.core.model import RunState
from tests.tui.fake_engine import NOW, lab

if TYPE_CHECKING:
    from pathlib import Path

    from lazytui.core.model import RunRecord
    from tests.tui.fake_engine import FakeEngine

TASK = 42
COMMAND = "nvidia-smi --query-gpu=driver_version"


def add_to_task(
    engine: FakeEngine,
    host: str,
    state: RunState = RunState.SUCCEEDED,
    exit_status: int | None = 0,
    *,
    output: bytes = b"",
    reason: str = "",
    ago: float = 4.0,
    began: bool = True,
) -> RunRecord:
    """Give the task one run more."""
    run = engine.add_run(
        host,
        COMMAND,
        state=state,
        exit_status=exit_status,
        reason=reason,
        ago=ago,
        took=2.0 if state.is_final else None,
        output=output,
    )
    run = replace(run, task_id=TASK, started=run.started if began else None)
    engine.runs.by_id[run.run_id] = run
    return run


def ended(engine: FakeEngine, run: RunRecord, exit_status: int = 0) -> None:
    """Let a run of the task end now."""
    state = RunState.FAILED if exit_status else RunState.SUCCEEDED
    done = replace(engine.runs.get(run.run_id), state=state, exit_status=exit_status, ended=NOW)
    engine.runs.by_id[run.run_id] = done
    engine.events.publish(RunChanged(run.run_id, TASK))


def driver_task(folder: Path) -> FakeEngine:
    """Give the task of the design's picture: 8 alike, one differs, failed, down, running."""
    engine = lab(folder)
    for host in ("gpu01", "gpu02", "gpu03", *(f"cpu{n:02}" for n in range(1, 6))):
        add_to_task(engine, host, output=b"535.161.08\n")
    add_to_task(engine, "gpu04", output=b"535.104.05\n")
    failed = b"bash: nvidia-smi: command not found\n"
    add_to_task(engine, "db01", RunState.FAILED, 127, output=failed)
    add_to_task(engine, "node07", RunState.FAILED, None, reason="no answer in 5 s", began=False)
    add_to_task(engine, "gpu05", RunState.RUNNING, None, output=b"reading 3%\rreading  62% 62/100")
    return engine
