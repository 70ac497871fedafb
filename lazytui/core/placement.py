"""Placement: which of several hosts is the least busy, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from lazytui.core.conditions import NOTHING, free_on
from lazytui.core.model import HostState
from lazytui.core.plan import Load
from lazytui.core.where_terms import HostFacts
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from lazytui.core.conditions import Claim, Condition


@dataclass(frozen=True, slots=True)
class Choice:
    """A host that was chosen, and why: ``0 runs, 2 of 4 GPUs free, 61G memory free``."""

    host: str
    why: str


def least_busy(hosts: Iterable[Load], claims: Mapping[str, Claim] | None = None) -> Choice:
    """Choose the active host with the fewest alive runs.

    Ties go to the one with most free GPUs, then with most free memory, then to the first.

    Args:
        hosts: to choose from.
        claims: what placed runs keep for themselves, by host.

    Raises:
        UsageError: none of the hosts is active.
    """
    active = [load for load in hosts if load.state is HostState.ACTIVE]
    if not active:
        raise UsageError("none of these hosts is active")
    claimed = claims or {}

    def busy(load: Load) -> tuple[int, int, int]:
        free = free_on(load.info, load.metrics, claimed.get(load.host, NOTHING))
        return load.alive_runs, -(free.gpus or 0), -(free.memory or 0)

    load = min(active, key=busy)
    return Choice(load.host, why_there(load, claimed.get(load.host, NOTHING)))


def why_there(load: Load, claimed: Claim = NOTHING) -> str:
    """Say how busy a host is: ``1 run, 2 of 4 GPUs free, 61G memory free``."""
    runs = "1 run" if load.alive_runs == 1 else f"{load.alive_runs} runs"
    free = free_on(load.info, load.metrics, claimed).text
    return ", ".join(text for text in (runs, free) if text)


class Place(HostFacts, Load, Protocol):
    """A host with all that a condition and a choice ask for."""


def why_places(hosts: Iterable[Place], condition: Condition) -> dict[str, str]:
    """Say of each host how it is placed: ``fits: 0 runs, …`` or ``waits: 0 of 4 GPUs free``.

    Args:
        hosts: where a run may go.
        condition: what it needs there.
    """
    said = {}
    for load in hosts:
        if condition.holds(load):
            said[load.host] = f"fits now: {why_there(load)}"
        else:
            said[load.host] = f"would wait: {condition.why_not(load)}"
    return said
