"""``lazytui again``: run a task again, with all its steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.commands import common
from lazytui.commands.run import follow
from lazytui.commands.tasks import find
from lazytui.core.model import RunState
from lazytui.core.tasks import hosts_of
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.commands.call import Call
    from lazytui.core.engine import Engine
    from lazytui.core.model import RunRecord


async def again(call: Call) -> int:
    """Run a task again: everywhere, where it failed, or on other hosts."""
    arguments = call.arguments
    async with call.engine() as engine:
        records = await find(engine, arguments.id)
        await engine.adopt()
        task_id = records[0].task_id
        hosts = await _hosts(call, engine, records)
        _, plan = await engine.task_of(task_id)
        if arguments.detach and (plan.timeout_s or plan.task_timeout_s) is not None:
            raise UsageError(f"#{task_id} has a time limit: with --detach nobody is left to end it")
        start = engine.restart_runs if arguments.stop else engine.start_again
        return await follow(call, engine, lambda: start(task_id, hosts))


async def _hosts(call: Call, engine: Engine, records: Sequence[RunRecord]) -> Sequence[str]:
    if call.arguments.where:
        return await common.select(engine, tuple(call.arguments.where))
    if not call.arguments.failed:
        return hosts_of(records)
    wrong = (RunState.FAILED, RunState.LOST, RunState.CANCELLED)
    failed = hosts_of(record for record in records if record.state in wrong)
    if not failed:
        raise UsageError(f"nothing of {call.arguments.id} has failed")
    return failed
