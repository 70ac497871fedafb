"""``lazytui run --dry-run``: what would run where, and what speaks against it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.commands import common
from lazytui.core.conditions import parse_condition
from lazytui.core.model import HostState
from lazytui.core.placement import least_busy, why_places
from lazytui.core.plan import caution
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lazytui.commands.call import Call
    from lazytui.core.conditions import Condition
    from lazytui.core.engine import Engine
    from lazytui.core.placement import Place
    from lazytui.core.plan import Plan


async def dry_run(call: Call, engine: Engine, hosts: Sequence[str], plan: Plan) -> int:
    """Connect to the hosts, look at them, and tell; nothing is run nor remembered.

    Args:
        call: with ``--json`` one object a line: ``host, batch, state, caution,
            placement, chosen``.
        engine: knows the hosts.
        hosts: where it would run.
        plan: how.

    Returns:
        The exit code: 3 when some host is not reached.
    """
    await engine.detect(hosts)
    await engine.sample()
    condition = parse_condition(plan.when, await engine.groups())
    await engine.ask_facts(condition.where)
    loads = {host: engine.runtime(host) for host in hosts}
    why = why_places(loads.values(), condition) if plan.when or plan.least_busy else {}
    chosen = _chosen(loads.values(), plan, condition)
    rows = [
        (number, loads[host], caution(loads[host]), why.get(host, ""))
        for number, batch in enumerate(plan.batches(hosts), 1)
        for host in batch
    ]
    if call.arguments.json:
        for number, runtime, trouble, reason in rows:
            call.print_json(
                {
                    "host": runtime.host,
                    "batch": number,
                    "state": "active" if runtime.state is HostState.ACTIVE else "inactive",
                    "caution": trouble or None,
                    "placement": reason or None,
                    "chosen": runtime.host == chosen if plan.least_busy else None,
                }
            )
    else:
        table = [
            [str(number), sanitize(runtime.host), reason or trouble]
            for number, runtime, trouble, reason in rows
        ]
        told = "WHY" if why else "CAUTION"
        call.print_table([["BATCH", "HOST", told], *table], right=(0,))
        for line in _summary(plan, chosen):
            call.print(line)
    active = [runtime.state is HostState.ACTIVE for runtime in loads.values()]
    reached = any(active) if plan.least_busy else all(active)
    return common.OK if reached else common.NOT_REACHED


def _chosen(loads: Iterable[Place], plan: Plan, condition: Condition) -> str:
    """Give the host that one run would go to now; empty when it would wait, or there are many."""
    able = [load for load in loads if condition.holds(load)]
    return least_busy(able).host if plan.least_busy and able else ""


def _summary(plan: Plan, chosen: str) -> list[str]:
    lines = []
    if plan.after:
        success = ", if all of it succeeds" if plan.after_ok else ""
        lines.append(f"starts when #{plan.after} is over{success}")
    if plan.least_busy:
        lines.append(f"would run on {sanitize(chosen)}" if chosen else "would wait for a host")
    if plan.stop_on_failure:
        lines.append("after a failure none is started any more")
    return lines + plan.told_limits
