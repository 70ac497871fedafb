"""Leaving: asks only when something would stop, and says what goes on without lazytui.

A terminal leaves an engine that goes on without it at once; there only stopping the engine asks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from lazytui.core.model import RunState
from lazytui.core.where import fold
from lazytui.text import sanitize
from lazytui.tui.keymap import bindings
from lazytui.tui.screens.choice import ChoiceScreen

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lazytui.core.model import RunRecord

LEAVE = "q"
STOP = "y"
TASKS_NAMED = 4
HOSTS_CHARS = 24


class LeaveScreen(ChoiceScreen, inherit_bindings=False):
    """Says what goes on and what waits; gives ``q`` to leave, None to stay."""

    SCOPES: ClassVar[tuple[str, ...]] = ("leave",)
    BINDINGS = bindings("leave")

    def __init__(self, records: Sequence[RunRecord], stops: Sequence[str] = ()) -> None:
        super().__init__("Leave lazytui?", _without_engine(records, stops), ((LEAVE, "leave"),))


class StopEngineScreen(ChoiceScreen, inherit_bindings=False):
    """Says what the end of the engine means for runs and people; gives ``y`` to stop it.

    Args:
        records: the runs, newest first.
        stops: what the engine holds besides, in a few words each.
        others: how many other terminals look at it.
    """

    SCOPES: ClassVar[tuple[str, ...]] = ("leave",)
    BINDINGS = bindings("leave")

    def __init__(self, records: Sequence[RunRecord], stops: Sequence[str], others: int) -> None:
        lines = _without_engine(records, stops)
        if others:
            looking = (
                "1 other terminal leaves" if others == 1 else f"{others} other terminals leave"
            )
            lines += [*([""] if lines else []), f"{looking} together with this one."]
        lines = lines or ["Nothing runs. It starts again with the next lazytui."]
        super().__init__("Stop the engine?", lines, ((STOP, "yes, stop it"), ("n", "no")))


def _without_engine(records: Sequence[RunRecord], stops: Sequence[str]) -> list[str]:
    """Say what stops while no engine runs, what waits, and what goes on."""
    lines: list[str] = []
    if stops:
        named = [f"  {sanitize(what, max_chars=64)}" for what in stops]
        lines += ["Stops; it is back when lazytui is started again:", *_named(named)]
    if queued := _tasks(records, RunState.QUEUED):
        later = "Not started yet; goes on when lazytui is started again:"
        lines += [*([""] if lines else []), later, *_named(queued)]
    if running := _tasks(records, RunState.RUNNING):
        found = "Goes on on the hosts; it is found again under Tasks:"
        lines += [*([""] if lines else []), found, *_named(running)]
    return lines


def would_stop(records: Iterable[RunRecord], stops: Sequence[str] = ()) -> bool:
    """Say whether leaving would end what is held, or hold up a run that was not started yet."""
    return bool(stops) or any(record.state is RunState.QUEUED for record in records)


def _tasks(records: Iterable[RunRecord], state: RunState) -> list[str]:
    """Name the tasks that have runs in a state, with the hosts of these."""
    names: dict[int, str] = {}
    hosts: dict[int, list[str]] = {}
    for record in records:
        if record.state is state:
            names[record.task_id] = sanitize(record.name, max_chars=32)
            hosts.setdefault(record.task_id, []).append(record.host)
    return [
        f"  #{task} {name} · {sanitize(fold(hosts[task]), max_chars=HOSTS_CHARS)}"
        for task, name in sorted(names.items())
    ]


def _named(tasks: Sequence[str]) -> list[str]:
    more = len(tasks) - TASKS_NAMED
    return [*tasks[:TASKS_NAMED], *([f"  and {more} more"] if more > 0 else [])]
