"""How a task is spread over its hosts, and what is to be said before it starts."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Protocol

from lazytui.core.model import HostState
from lazytui.core.where import fold
from lazytui.errors import UsageError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from lazytui.core.model import Metrics, RuntimeInfo

WAITS = "waits"  # how the reason of a queued run begins that may not start yet
DISK_FULL = 0.90  # share of a disk from which on a run there may fail for want of room

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Load(Protocol):
    """What placement asks of a host."""

    @property
    def host(self) -> str:
        """The alias in the ssh config."""

    @property
    def state(self) -> HostState:
        """What is known of the host."""

    @property
    def reason(self) -> str:
        """Why it is in this state."""

    @property
    def info(self) -> RuntimeInfo | None:
        """What the runtime is, once it was active."""

    @property
    def metrics(self) -> Metrics | None:
        """The newest sample."""

    @property
    def alive_runs(self) -> int:
        """Its runs that have not ended."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How the runs of a task follow each other. The default: all at once, whatever happens.

    Args:
        batch: hosts at a time, each batch when the one before is over; 0 for all at once.
        stop_on_failure: after a run that did not succeed, no other is started.
        timeout_s: seconds after which a run is ended, counted from its start; None for never.
        when: what a host must have free before a run starts there, ``gpu>=1 mem>16G``
            (:mod:`lazytui.core.conditions`).
        after: the number of a task that must be over first; 0 for none.
        after_ok: all runs of that task must have succeeded, or none of this one is started.
        least_busy: one run, on the least busy of the hosts that fulfil the condition.
        among: the hosts that it is chosen from.
        task_timeout_s: seconds after which all runs of the task are ended, and those still in the
            queue are not started any more, counted from the start of its first run; None for never.
        templates: ``{{host}}`` and the like in the steps are filled in for each host.
    """

    batch: int = 0
    stop_on_failure: bool = False
    timeout_s: float | None = None
    when: str = ""
    after: int = 0
    after_ok: bool = False
    least_busy: bool = False
    among: tuple[str, ...] = ()
    templates: bool = False
    task_timeout_s: float | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot be.

        Raises:
            UsageError: the batch is negative, or the number of a task is.
        """
        if self.batch < 0:
            raise UsageError(f"a batch has at least 1 host, not {self.batch}")
        if self.after < 0:
            raise UsageError(f"tasks have numbers from 1 on, not {self.after}")

    @property
    def has_turns(self) -> bool:
        """True when runs heed each other."""
        return bool(self.batch or self.stop_on_failure or self.task_timeout_s is not None)

    @property
    def has_gate(self) -> bool:
        """True when a run waits for something else than other runs of its task."""
        return bool(self.when or self.after or self.least_busy)

    @property
    def limits(self) -> str:
        """The limits of time as :func:`read_limits` reads them: ``300s task 7200s``, or nothing."""
        each = "" if self.timeout_s is None else f"{self.timeout_s:g}s"
        task = "" if self.task_timeout_s is None else f"task {self.task_timeout_s:g}s"
        return f"{each} {task}".strip()

    @property
    def told_limits(self) -> list[str]:
        """The limits of time in words, one each."""
        told = []
        if self.timeout_s is not None:
            told.append(f"each is ended after {self.timeout_s:g} s")
        if self.task_timeout_s is not None:
            told.append(f"all are ended {self.task_timeout_s:g} s after the first has begun")
        return told

    @property
    def waiting_reason(self) -> str:
        """What a run waits for, once the task before it is over: ``waits for gpu>=1``."""
        if self.when:
            return f"{WAITS} for {'a host with ' if self.least_busy else ''}{self.when}"
        return f"{WAITS} for a host"

    def batches(self, hosts: Sequence[str]) -> list[list[str]]:
        """Give the hosts of each batch, in the order of their turns."""
        size = self.batch or max(1, len(hosts))
        return [list(hosts[at : at + size]) for at in range(0, len(hosts), size)]

    def to_step(self, step: Mapping[str, Any]) -> dict[str, Any]:
        """Give a task's first step with the plan in it, as the journal keeps it."""
        return dict(step) if self == Plan() else {**step, "plan": asdict(self)}

    @classmethod
    def from_step(cls, step: Mapping[str, Any]) -> Plan:
        """Read the plan back from a task's first step; the default when it has none."""
        kept = step.get("plan") or {}
        known = {field.name: kept[field.name] for field in fields(cls) if field.name in kept}
        known["among"] = tuple(known.get("among", ()))
        return cls(**known)


AT_ONCE = Plan()


def caution(load: Load) -> str:
    """Say what speaks against a run on a host now, in a few words; empty when nothing does."""
    if load.state is HostState.INACTIVE:
        return f"down ({sanitize(load.reason)})" if load.reason else "down"
    if load.state is HostState.STALE:
        return "not answering just now"
    if load.metrics is not None and load.metrics.disk_share > DISK_FULL:
        return f"disk {load.metrics.disk_share:.0%} full"
    return ""


def cautions(hosts: Iterable[Load]) -> list[str]:
    """Say what speaks against runs on hosts, those with the same trouble together.

    Each is a clause: ``gpu03 disk is 91% full``, ``node[07-08] are down (no answer in 5 s)``.
    """
    alike: dict[str, list[str]] = {}
    for load in hosts:
        if trouble := caution(load):
            alike.setdefault(trouble, []).append(load.host)
    return [_clause(names, trouble) for trouble, names in alike.items()]


def _clause(names: Sequence[str], trouble: str) -> str:
    verb = "is" if len(names) == 1 else "are"
    folded = sanitize(fold(names))
    if trouble.startswith("disk "):
        return f"{folded} {'disk' if verb == 'is' else 'disks'} {verb} {trouble[5:]}"
    return f"{folded} {verb} {trouble}"


def read_seconds(text: str) -> float | None:
    """Read how long something may take: ``30``, ``90s``, ``5m``, ``1.5h``; None for nothing.

    Raises:
        UsageError: it is no duration, or none that ends.
    """
    text = text.strip().lower()
    if not text:
        return None
    found = _DURATION.fullmatch(text)
    seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
    if not 0 < seconds < 1e9:
        raise UsageError(f"expected a time such as 30s, 5m or 2h, not {text!r}")
    return seconds


def read_limits(text: str) -> tuple[float | None, float | None]:
    """Read limits of time: ``5m`` for each run, ``task 2h`` for all together, or both.

    Raises:
        UsageError: one is no duration.
    """
    each, task, all_together = text.lower().replace(",", " ").partition("task")
    if task and not all_together.strip():
        raise UsageError("say how long the task may take, such as task 2h")
    return read_seconds(each), read_seconds(all_together)


def read_environment(words: Iterable[str]) -> dict[str, str]:
    """Read environment variables.

    Args:
        words: each ``NAME=VALUE``.

    Raises:
        UsageError: one is not of this form.
    """
    environment = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not _VARIABLE.fullmatch(name):
            raise UsageError(f"expected NAME=VALUE, not {word!r}")
        environment[name] = value
    return environment
