"""What the Run sheet holds, and the order that it becomes. No widgets here."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from lazytui.core.conditions import parse_condition
from lazytui.core.placement import least_busy, why_places
from lazytui.core.plan import AT_ONCE, Plan, cautions, read_environment, read_limits
from lazytui.core.templates import fill_command, has_variables
from lazytui.core.where import fold, parse_where
from lazytui.errors import UsageError
from lazytui.text import sanitize
from lazytui.tui.task_preview import values_of
from lazytui.tui.widgets.cells import Piece

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from lazytui.core.placement import Choice
    from lazytui.core.where import Where
    from lazytui.tui.context import RuntimeView

GIVEN, SHOWN, TYPED = "given", "shown", "typed"  # where; a group is "@name"
TOGETHER, SINGLY, BATCHES, LEAST_BUSY = "together", "singly", "batches", "least-busy"  # how
GO_ON, STOP = "go-on", "stop"  # on failure
BREAK = "↵"  # a line break in a field of one line
TEMPLATES_SHOWN = 4  # hosts for which a dry run fills a command in
PLACES_SHOWN = 8  # hosts of which it says whether they fit
NAMES_TOLD = 60  # characters of host names that are spelled out before they are folded


@dataclass(frozen=True, slots=True)
class Targets:
    """What the sheet was opened for.

    Args:
        hosts: the hosts it was asked for.
        label: what they are: ``marked``, ``these``.
        shown: the hosts in sight where it was asked.
    """

    hosts: tuple[str, ...]
    label: str = "these"
    shown: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """The fields of the sheet as they are; all of them survive ``esc``.

    ``command`` is the text of the field. ``original`` is the command it was filled with: it is
    what runs as long as its text is unchanged, so that nothing is lost in a field of one line.
    """

    where: str = GIVEN
    typed: str = ""
    how: str = TOGETHER
    batch: str = "10"
    command: str = ""
    original: str = ""
    on_failure: str = GO_ON
    limit: str = ""
    folder: str = ""
    variables: str = ""
    needs: str = ""
    after: str = ""

    @property
    def real_command(self) -> str:
        """The command as it shall run."""
        if self.original and in_one_line(self.original) == self.command:
            return self.original
        return self.command.replace(BREAK, "\n")


@dataclass(frozen=True, slots=True)
class Order:
    """What the sheet asks of the engine."""

    command: str
    hosts: tuple[str, ...]
    cwd: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)
    plan: Plan = AT_ONCE
    chosen: Choice | None = None
    """The least busy host, if one was to be chosen."""
    among: int = 0
    """How many hosts it was chosen from."""


def in_one_line(command: str) -> str:
    """Give a command as a field of one line shows it."""
    lines = command.strip("\r\n").replace("\r\n", "\n").replace("\r", "\n")
    return sanitize(lines.replace("\n", BREAK))


def order_of(
    draft: Draft,
    targets: Targets,
    runtimes: Mapping[str, RuntimeView],
    groups: Mapping[str, Sequence[str]],
) -> Order:
    """Read the fields.

    Args:
        draft: the fields.
        targets: what the sheet was opened for.
        runtimes: all hosts.
        groups: the members of each group.

    Raises:
        UsageError: a field cannot be read, or it names no host; the message says which.
    """
    hosts = _hosts(draft, targets, runtimes, groups)
    after, after_ok = _after(draft.after)
    timeout_s, task_timeout_s = read_limits(draft.limit)
    parse_condition(draft.needs, groups)  # a mistake is told here
    waits = bool(after or draft.needs.strip())
    chosen = None
    if draft.how == LEAST_BUSY and not waits:
        chosen = least_busy(runtimes[host] for host in hosts if host in runtimes)
    return Order(
        draft.real_command,
        (chosen.host,) if chosen else tuple(hosts),
        draft.folder.strip() or None,
        _environment(draft.variables),
        Plan(
            _batch(draft),
            draft.on_failure == STOP,
            timeout_s,
            draft.needs.strip(),
            after,
            after_ok,
            least_busy=waits and draft.how == LEAST_BUSY,
            templates=has_variables(draft.real_command, draft.folder, draft.variables),
            task_timeout_s=task_timeout_s,
        ),
        chosen,
        len(hosts),
    )


def typed_where(draft: Draft) -> Where | None:
    """Give the WHERE that was typed, if that says where to run and can be read."""
    if draft.where != TYPED or not draft.typed.strip():
        return None
    try:
        return parse_where(draft.typed, bare_words="exact")
    except UsageError:
        return None  # told by the forecast


def _hosts(
    draft: Draft,
    targets: Targets,
    runtimes: Mapping[str, RuntimeView],
    groups: Mapping[str, Sequence[str]],
) -> Sequence[str]:
    if draft.where == GIVEN:
        return targets.hosts
    if draft.where == SHOWN:
        return targets.shown
    if draft.where.startswith("@"):
        members = set(groups.get(draft.where[1:], ()))
        found = [host for host in runtimes if host in members]
    else:
        if not draft.typed.strip():
            raise UsageError("say where: gpu[01-04], @group, or a filter such as gpu>=1")
        where = parse_where(draft.typed, bare_words="exact")
        found = where.select(list(runtimes.values()), groups)
    if not found:
        raise UsageError(f"no host matches {draft.typed if draft.where == TYPED else draft.where}")
    return found


def _after(text: str) -> tuple[int, bool]:
    """Read ``41``, ``#41`` or ``41 ok``: the task, and whether it must succeed."""
    number, _, word = text.strip().removeprefix("#").partition(" ")
    if not number:
        return 0, False
    if not (number.isascii() and number.isdigit() and int(number[:18]) > 0) or word.strip() not in (
        "",
        "ok",
    ):
        raise UsageError("say after which task, such as 41, or 41 ok")
    return int(number[:18]), bool(word.strip())


def _batch(draft: Draft) -> int:
    if draft.how == SINGLY:
        return 1
    if draft.how != BATCHES:
        return 0
    text = draft.batch.strip()
    if not (text.isascii() and text.isdigit() and int(text[:9]) > 0):
        raise UsageError("say how many hosts make a batch, such as 10")
    return int(text[:9])


def _environment(text: str) -> dict[str, str]:
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"cannot read the variables: {str(error).lower()}") from None
    return read_environment(words)


def forecast(order: Order, runtimes: Mapping[str, RuntimeView]) -> list[Piece]:
    """Say where an order will run, in which way, and what speaks against it."""
    hosts = order.hosts
    if order.chosen is not None:
        text = f"Will run on {sanitize(order.chosen.host)}"
        if order.among > 1:
            text += f", the least busy of {order.among} hosts"
        text += f": {order.chosen.why}."
    else:
        verb = "Will wait, then run" if order.plan.has_gate else "Will run"
        one = "one of " if order.plan.least_busy else ""
        text = f"{verb} on {one}{count_text(len(hosts))}: {names_text(hosts)}{_way(order)}."
    known = [runtimes[host] for host in hosts if host in runtimes]
    troubles = cautions(known)
    strangers = [host for host in hosts if host not in runtimes]
    if strangers:
        troubles.append(f"{sanitize(fold(strangers))} not in the ssh config")
    pieces = [Piece(text, "quiet")]
    return pieces + [Piece(f" {_sentence(trouble)}", "attention") for trouble in troubles]


def dry_run_lines(order: Order, runtimes: Mapping[str, RuntimeView]) -> list[str]:
    """Tell batch by batch what an order would do, for a dry run."""
    batches = order.plan.batches(order.hosts)
    lines = []
    for number, hosts in enumerate(batches, 1):
        lead = f"batch {number}  " if len(batches) > 1 else ""
        lines.append(f"{lead}{names_text(hosts, 400)}")
    if order.chosen is not None:
        lines.append(f"the least busy of {count_text(order.among)}: {order.chosen.why}")
    lines += _waits(order, runtimes)
    if order.plan.templates:
        known = [runtimes[host] for host in order.hosts[:TEMPLATES_SHOWN] if host in runtimes]
        lines += [
            f"{runtime.host}: {fill_command(order.command, values_of(runtime, at))}"
            for at, runtime in enumerate(known)
        ]
    if order.plan.stop_on_failure:
        lines.append("after a failure none is started any more")
    lines += order.plan.told_limits
    if order.cwd:
        lines.append(f"in {order.cwd}")
    lines += [f"{name}={value}" for name, value in order.env.items()]
    known = [runtimes[host] for host in order.hosts if host in runtimes]
    return lines + [f"! {trouble}" for trouble in cautions(known)]


def _waits(order: Order, runtimes: Mapping[str, RuntimeView]) -> list[str]:
    """Say what an order waits for, and which hosts would do now."""
    plan, lines = order.plan, list[str]()
    if plan.after:
        lines.append(f"starts when #{plan.after} {'has succeeded' if plan.after_ok else 'is over'}")
    if plan.when or plan.least_busy:
        groups = [word[1:] for word in plan.when.split() if word.startswith("@")]
        known = [runtimes[host] for host in order.hosts if host in runtimes]
        said = why_places(known, parse_condition(plan.when, groups))
        lines += [f"{host}  {why}" for host, why in list(said.items())[:PLACES_SHOWN]]
    return lines


def _way(order: Order) -> str:
    size, count = order.plan.batch, len(order.hosts)
    if not size or count < 2:
        return ""
    if size == 1:
        return ", one at a time"
    batches = -(-count // size)
    return f", in {batches} batches of {size}" if batches > 1 else ", in one batch"


def _sentence(clause: str) -> str:
    return f"{clause}: the run fails there." if " down" in clause else f"{clause}."


def count_text(hosts: int) -> str:
    """Count hosts: ``1 host``, ``12 hosts``."""
    return "1 host" if hosts == 1 else f"{hosts} hosts"


def names_text(hosts: Sequence[str], limit: int = NAMES_TOLD) -> str:
    """Spell host names out as long as they are few, else fold them."""
    spelled = sanitize(" ".join(hosts))
    return spelled if len(spelled) <= limit else sanitize(fold(hosts))
