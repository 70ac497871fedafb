"""What a task would do where: the lines of a dry run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.conditions import parse_condition
from lazytui.core.placement import why_places
from lazytui.core.plan import cautions
from lazytui.core.task_file import FUNCTION, RUN
from lazytui.core.templates import HostValues, fill_command, fill_path, has_variables
from lazytui.core.where import fold

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lazytui.core.plan import Plan
    from lazytui.core.task_file import StepDraft
    from lazytui.tui.context import RuntimeView

HOSTS_SHOWN = 8


def values_of(runtime: RuntimeView, index: int) -> HostValues:
    """Give what the variables stand for on a host, as far as the screens know it."""
    user, _, rest = runtime.address.rpartition("@")
    hostname, _, port = rest.rpartition(":")
    number = int(port) if port.isdigit() else 22
    return HostValues(runtime.host, user, hostname, number, index)


def step_line(step: StepDraft, values: HostValues) -> str:
    """Say what a step does on one host."""
    if step.kind == RUN:
        return fill_command(step.text, values)
    if step.kind == FUNCTION:
        return step.title
    to = f" → {fill_path(step.to, values)}" if step.to else ""
    return f"{step.kind} {fill_path(step.text, values)}{to}"


def preview(
    steps: Sequence[StepDraft],
    hosts: Sequence[str],
    plan: Plan,
    runtimes: Mapping[str, RuntimeView],
    groups: Iterable[str],
) -> list[str]:
    """Tell where a task would run and why, and what each step is there.

    Raises:
        UsageError: the condition of the plan cannot be read.
    """
    condition = parse_condition(plan.when, groups)
    known = [runtimes[host] for host in hosts if host in runtimes]
    lines = [f"on {'one of ' if plan.least_busy else ''}{fold(hosts)}"]
    if plan.when or plan.least_busy:
        said = why_places(known, condition)
        lines += [f"  {host}  {why}" for host, why in list(said.items())[:HOSTS_SHOWN]]
    batches = plan.batches(hosts)
    if len(batches) > 1 and not plan.least_busy:
        lines += [f"batch {number}  {fold(batch)}" for number, batch in enumerate(batches, 1)]
    if plan.stop_on_failure:
        lines.append("after a failure none is started any more")
    lines += plan.told_limits
    lines += [f"! {trouble}" for trouble in cautions(known)]
    differ = has_variables(*(text for step in steps for text in (step.text, step.to)))
    shown = known[:HOSTS_SHOWN] if differ else known[:1]
    for place, runtime in enumerate(shown):
        index = 0 if plan.least_busy else place  # one run is the first of its task
        lines += ["", f"{runtime.host}:"] if differ else [""]
        lines += [
            f"  {number} {step_line(step, values_of(runtime, index))}"
            for number, step in enumerate(steps, 1)
        ]
    if differ and len(known) > HOSTS_SHOWN:
        lines += ["", f"and {len(known) - HOSTS_SHOWN} hosts more"]
    return lines
