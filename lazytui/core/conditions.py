"""What a run needs free on a host before it starts there: ``gpu>=1 mem>16G``.

The words are those of every filter, but in a condition ``gpu``, ``vram`` and ``mem`` in bytes
count what is *free*: GPUs that nobody uses, their memory, and memory that is not taken. What runs
of ours have claimed counts as taken from the moment they are placed, long before a sample shows it.
"""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from lazytui.core.model import HostState
from lazytui.core.where import Where, parse_where
from lazytui.core.where_terms import AnyOf, least_demand
from lazytui.errors import UsageError
from lazytui.text import sanitize, size_text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from lazytui.core.model import GpuMetrics, Metrics, RuntimeInfo
    from lazytui.core.probes import Probe
    from lazytui.core.where_terms import HostFacts


@dataclass(frozen=True, slots=True)
class Claim:
    """What a placed run keeps for itself until it is over. Memory in bytes."""

    gpus: int = 0
    memory: int = 0

    def __add__(self, other: Claim) -> Claim:
        return Claim(self.gpus + other.gpus, self.memory + other.memory)


NOTHING = Claim()


@dataclass(frozen=True, slots=True)
class Free:
    """What is free on a host. Memory in bytes; None for what is not known."""

    gpus: int | None
    gpus_total: int
    memory: int | None
    gpu_metrics: tuple[GpuMetrics, ...] = ()

    @property
    def text(self) -> str:
        """Say it in a few words: ``2 of 4 GPUs free, 61G memory free``."""
        parts = []
        if self.gpus is not None and self.gpus_total:
            parts.append(f"{self.gpus} of {self.gpus_total} GPUs free")
        if self.memory:
            parts.append(f"{size_text(self.memory)} memory free")
        return ", ".join(parts)


def free_on(info: RuntimeInfo | None, metrics: Metrics | None, claimed: Claim = NOTHING) -> Free:
    """Tell what is free on a host.

    What runs of ours claim is never counted twice: a claim that a sample shows as used already is
    part of what is used.

    Args:
        info: what the host is.
        metrics: its newest sample; without one, memory counts as free and GPUs as not known.
        claimed: by runs that were placed there.
    """
    gpus_total = len(info.gpus) if info is not None else 0
    if metrics is None:
        memory = max(0, info.memory - claimed.memory) if info is not None else None
        return Free(None, gpus_total, memory)
    idle = tuple(gpu for gpu in metrics.gpus if gpu.load < 0.05 and _is_empty(gpu))
    gpus = max(0, min(len(idle), len(metrics.gpus) - claimed.gpus))
    memory = min(metrics.memory_total - metrics.memory_used, metrics.memory_total - claimed.memory)
    return Free(gpus, max(gpus_total, len(metrics.gpus)), max(0, memory), idle[:gpus])


def _is_empty(gpu: GpuMetrics) -> bool:
    return gpu.memory_used < 0.05 * max(gpu.memory_total, 1)


@dataclass(frozen=True, slots=True)
class _FreeFacts:
    """A host as a condition sees it: only what is free of it."""

    host: str
    state: HostState
    info: RuntimeInfo | None
    metrics: Metrics | None
    facts: HostFacts

    def tags(self) -> Sequence[str]:
        return self.facts.tags()

    def answer(self, probe: Probe) -> bool | None:
        return self.facts.answer(probe)


def _free_facts(facts: HostFacts, free: Free) -> _FreeFacts:
    info, metrics = facts.info, facts.metrics
    if info is not None:
        # A run that must have something waits for the first sample.
        memory = free.memory or 0 if metrics is not None else 0
        info = replace(info, gpus=info.gpus[: free.gpus or 0], memory=memory)
    if metrics is not None:
        metrics = replace(metrics, gpus=free.gpu_metrics)
    return _FreeFacts(facts.host, facts.state, info, metrics, facts)


@dataclass(frozen=True, slots=True)
class Condition:
    """What must be so on a host. Made by :func:`parse_condition`; the empty one always holds."""

    text: str
    where: Where
    claim: Claim

    def holds(
        self,
        facts: HostFacts,
        claimed: Claim = NOTHING,
        groups: Mapping[str, AbstractSet[str]] | None = None,
    ) -> bool:
        """Whether a host fulfils it now; one that is not active never does.

        Args:
            facts: the host.
            claimed: what runs that were placed there keep for themselves.
            groups: the members of each group by its name.
        """
        if facts.state is not HostState.ACTIVE:
            return False
        free = _free_facts(facts, free_on(facts.info, facts.metrics, claimed))
        members = {name: groups[name] for name in self.where.group_names} if groups else {}
        return all(term.holds(free, members) for term in self.where.terms)

    def why_not(self, facts: HostFacts, claimed: Claim = NOTHING) -> str:
        """Say what a host has instead: ``0 of 4 GPUs free``, ``down (no answer in 5 s)``."""
        if facts.state is not HostState.ACTIVE:
            state = "down" if facts.state is HostState.INACTIVE else str(facts.state)
            reason = sanitize(getattr(facts, "reason", ""), max_chars=200)
            return f"{state} ({reason})" if reason else state
        if facts.metrics is None:
            return "its load is not known yet"
        return free_on(facts.info, facts.metrics, claimed).text


def parse_condition(text: str, groups: Iterable[str] = ()) -> Condition:
    """Read a condition.

    Args:
        text: terms of the filter grammar; empty for none.
        groups: the names of the groups there are.

    Raises:
        UsageError: it does not parse, or names a group that does not exist.
    """
    try:
        where = parse_where(text, bare_words="exact")
    except UsageError as error:
        raise UsageError(f"cannot read the condition {text!r}: {error}") from None
    if unknown := where.group_names - frozenset(groups):
        raise UsageError(f"unknown group in the condition: @{sorted(unknown)[0]}")
    return Condition(text.strip(), where, _claim_of(where))


def _claim_of(where: Where) -> Claim:
    """Give what a run that asks for this will take: at least what it asks for."""
    needs: dict[str, float] = {}
    for term in where.terms:
        if term.negated or isinstance(term.test, AnyOf):
            continue
        if demand := least_demand(term.test):
            key, compare, limit = demand
            least = math.floor(limit) + 1 if compare is operator.gt else math.ceil(limit)
            needs[key] = max(needs.get(key, 0), least)
    return Claim(int(needs.get("gpu", 0)), int(needs.get("mem", 0)))
