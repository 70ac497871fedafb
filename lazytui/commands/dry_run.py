"""``lazytui run --dry-run``: what would run where, and what speaks against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.commands import common
from lazytui.core.model import HostState
from lazytui.core.plan import caution
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.commands.call import Call
    from lazytui.core.engine import Engine
    from lazytui.core.plan import Plan


async def dry_run(call: Call, engine: Engine, hosts: Sequence[str], plan: Plan) -> int:
    """Connect to the hosts, look at them, and tell; nothing is run nor remembered.

    Args:
        call: with ``--json`` one object a line: ``host, batch, state, caution``.
        engine: knows the hosts.
        hosts: where it would run.
        plan: how.

    Returns:
        The exit code: 3 when some host is not reached.
    """
    await engine.detect(hosts)
    await engine.sample()
    rows = [
        (number, engine.runtime(host), caution(engine.runtime(host)))
        for number, batch in enumerate(plan.batches(hosts), 1)
        for host in batch
    ]
    if call.arguments.json:
        for number, runtime, trouble in rows:
            call.print_json(
                {
                    "host": runtime.host,
                    "batch": number,
                    "state": "active" if runtime.state is HostState.ACTIVE else "inactive",
                    "caution": trouble or None,
                }
            )
    else:
        table = [
            [str(number), sanitize(runtime.host), trouble] for number, runtime, trouble in rows
        ]
        call.print_table([["BATCH", "HOST", "CAUTION"], *table], right=(0,))
    reached = all(runtime.state is HostState.ACTIVE for _, runtime, _ in rows)
    return common.OK if reached else common.NOT_REACHED
