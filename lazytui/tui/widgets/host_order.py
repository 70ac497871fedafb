"""In which order hosts stand, and which of them share a row."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lazytui.core.model import HostState
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from lazytui.core.model import Metrics
    from lazytui.tui.context import RuntimeView

FOLD = "\0"  # begins the key of a row for several hosts; no host's name has it
LEAST_FOLDED = 2

_NUMBERS = re.compile(r"(\d+)")
_STATES = (
    HostState.ACTIVE,
    HostState.STALE,
    HostState.CONNECTING,
    HostState.LISTED,
    HostState.INACTIVE,
)


@dataclass(frozen=True, slots=True)
class Sort:
    """The order of the rows.

    Args:
        by: a key of :data:`SORTS`.
        reverse: the other way round.
    """

    by: str = "c"
    reverse: bool = False


@dataclass(frozen=True, slots=True)
class SortBy:
    """One way to sort.

    Args:
        text: what the menu says.
        column: the columns that may show the arrow, the best first.
        live: the order may change with every sample.
        most_first: the biggest stands at the top unless reversed.
        value: what is compared; None for the order of the ssh config.
    """

    text: str
    columns: tuple[str, ...] = ()
    live: bool = False
    most_first: bool = False
    value: Callable[[RuntimeView], object] | None = None


@dataclass(frozen=True, slots=True)
class Fold:
    """Hosts that are inactive for the same reason and share a row."""

    key: str
    reason: str
    hosts: tuple[str, ...]


def natural(name: str) -> tuple[object, ...]:
    """Give a key that puts ``node9`` before ``node10``."""
    parts = _NUMBERS.split(name.casefold())
    return tuple((int(p[:18]), p) if i % 2 else p for i, p in enumerate(parts))


def _state(runtime: RuntimeView) -> object:
    return (0 if runtime.question is not None else 1 + _STATES.index(runtime.state),)


def _sample(read: Callable[[Metrics], float | None]) -> Callable[[RuntimeView], object]:
    """Give a reading of hosts that are up; NaN, which stands last, for all others."""

    def value(runtime: RuntimeView) -> float:
        metrics = runtime.metrics if runtime.state is HostState.ACTIVE else None
        number = read(metrics) if metrics else None
        return math.nan if number is None else number

    return value


def _gpus_free(metrics: Metrics) -> float | None:
    return metrics.gpus_free if metrics.gpus else None


SORTS: dict[str, SortBy] = {
    "c": SortBy("as in the ssh config"),
    "n": SortBy("name", ("host",), value=lambda r: natural(r.host)),
    "s": SortBy("state", ("state",), value=_state),
    "u": SortBy("cpu", ("spark", "cpu"), True, True, _sample(lambda m: m.cpu)),
    "m": SortBy("memory", ("mem",), True, True, _sample(lambda m: m.memory_share)),
    "g": SortBy("gpus free", ("free",), True, True, _sample(_gpus_free)),
    "d": SortBy("disk", ("disk",), True, True, _sample(lambda m: m.disk_share)),
    "t": SortBy("tasks", ("tasks",), False, True, lambda r: r.alive_runs),
}


def in_order(
    runtimes: Mapping[str, RuntimeView], hosts: Sequence[str], sort: Sort
) -> Sequence[str]:
    """Sort hosts; equal ones stay as in the ssh config, those of which nothing is known go last.

    Args:
        runtimes: what is known of them.
        hosts: in the order of the ssh config.
        sort: the order wanted.
    """
    way = SORTS[sort.by]
    if way.value is None:
        return hosts[::-1] if sort.reverse else hosts
    values = {host: way.value(runtimes[host]) for host in hosts}
    unknown = [host for host in hosts if values[host] != values[host]]
    known = [host for host in hosts if values[host] == values[host]]
    known.sort(key=values.__getitem__, reverse=sort.reverse != way.most_first)  # type: ignore[arg-type]
    return [*known, *unknown]


def fold_key(runtime: RuntimeView) -> str:
    """Give the row that a host shares with others; empty when it has one of its own."""
    if runtime.state is not HostState.INACTIVE or runtime.question is not None:
        return ""
    return FOLD + sanitize(runtime.reason)


def folded(
    runtimes: Mapping[str, RuntimeView], hosts: Sequence[str], opened: AbstractSet[str]
) -> tuple[list[str], dict[str, Fold]]:
    """Put the hosts that are inactive for the same reason into one row.

    Args:
        runtimes: what is known of the hosts.
        hosts: in order; the row stands where the first of its hosts does.
        opened: the rows whose hosts are shown below them.

    Returns:
        The keys of the rows, and the folds by their key.
    """
    sharing: dict[str, list[str]] = {}
    keys = {host: fold_key(runtimes[host]) for host in hosts}
    for host, key in keys.items():
        if key:
            sharing.setdefault(key, []).append(host)
    folds = {
        key: Fold(key, key[len(FOLD) :], tuple(members))
        for key, members in sharing.items()
        if len(members) >= LEAST_FOLDED
    }
    rows: list[str] = []
    placed: set[str] = set()
    for host, key in keys.items():
        if key not in folds:
            rows.append(host)
        elif key not in placed:
            placed.add(key)
            rows.append(key)
            rows += folds[key].hosts if key in opened else ()
    return rows, folds


def signature(runtime: RuntimeView) -> tuple[object, ...]:
    """Give what decides in which row a host is, apart from the numbers that change all the time."""
    return runtime.state, runtime.question is not None, runtime.reason, runtime.alive_runs
