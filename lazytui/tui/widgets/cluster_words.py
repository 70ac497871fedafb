"""What is said of a cluster: how it is, where its master is, what its hosts have, who works."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from lazytui.core.cluster_model import ClusterKind, ClusterState, WorkerState
from lazytui.core.where import fold
from lazytui.text import age_text, sanitize
from lazytui.tui.widgets.cells import Piece

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from lazytui.core.cluster_model import (
        Cluster,
        ClusterCheck,
        ClusterSpec,
        ClusterVersions,
        ClusterWorker,
    )
    from lazytui.tui.widgets.cells import Row

# In the order of what needs somebody first.
STATES: dict[ClusterState, tuple[str, str]] = {
    ClusterState.FAILED: ("✗", "broken"),
    ClusterState.STARTING: ("◐", "moves"),
    ClusterState.STOPPING: ("◐", "moves"),
    ClusterState.RUNNING: ("●", "fine"),
    ClusterState.STOPPED: ("○", "quiet"),
}
WORKER_STATES: dict[WorkerState, tuple[str, str]] = {
    WorkerState.RETRYING: ("◐", "attention"),
    WorkerState.STARTING: ("◐", "moves"),
    WorkerState.RUNNING: ("●", "fine"),
    WorkerState.STOPPED: ("○", "quiet"),
}
KINDS = {ClusterKind.DASK: "Dask", ClusterKind.HYPEROPT: "Hyperopt"}
MASTERS = {ClusterKind.DASK: "scheduler", ClusterKind.HYPEROPT: "mongod"}
HERE = "here"  # the manager, as the user of the program sees it
UNKNOWN = "--"
FRESH_S = 10.0  # seen so lately is seen now: masters hear of their workers every few seconds
_REASON_CHARS = 300
_HOSTS_CHARS = 60


def state_pieces(state: ClusterState) -> Row:
    """Give symbol and word of a state."""
    symbol, role = STATES[state]
    return [Piece(f"{symbol} ", role), Piece(str(state), role)]


def counts(clusters: Sequence[Cluster]) -> list[Piece]:
    """Count clusters by state, what needs somebody first."""
    states = [each.state for each in clusters]
    return [
        Piece(f"{states.count(state)} {state}", role)
        for state, (_, role) in STATES.items()
        if state in states
    ]


def master_text(cluster: Cluster) -> str:
    """Say where the master is: ``here:8786``; while it does not listen, ``here (scheduler)``."""
    spec = cluster.spec
    place = sanitize(spec.master) or HERE
    return f"{place}:{cluster.master_port}" if cluster.master_port else f"{place} ({_role(spec)})"


def _role(spec: ClusterSpec) -> str:
    return MASTERS[spec.kind]


def workers_pieces(cluster: Cluster) -> Row:
    """Say how many workers run of how many there shall be: ``3/4``."""
    wanted = cluster.wanted or cluster.spec.workers or 0
    text = f"{cluster.running}/{wanted or UNKNOWN}"
    if cluster.state in (ClusterState.STOPPED, ClusterState.FAILED):
        return [Piece(text, "quiet")]
    return [Piece(text, "fine" if cluster.running >= wanted else "attention")]


def tasks_text(cluster: Cluster) -> str:
    """Say how many tasks or trials wait or run."""
    return UNKNOWN if cluster.tasks is None else str(cluster.tasks)


def since_text(cluster: Cluster, now: float) -> str:
    """Say for how long it has been up; empty while it is not."""
    return f"up {age_text(now - cluster.since)}" if cluster.since is not None else ""


def client_lines(cluster: Cluster) -> list[str]:
    """Give the client's lines, the last of which connects; none while nothing listens."""
    if not cluster.master_port:
        return []
    lines = sanitize(cluster.snippet, keep_newlines=True, max_chars=1000).splitlines()
    return [line for line in lines if line.strip()]


def where_text(cluster: Cluster) -> str:
    """Say where it works: its WHERE, and the hosts that take part now."""
    where = sanitize(cluster.spec.where, max_chars=200)
    if not cluster.hosts:
        return where
    hosts = hosts_text(cluster.hosts)
    return f"{where} · {hosts.removesuffix(f': {where}')}"


def hosts_text(hosts: Sequence[str]) -> str:
    """Count hosts and name them: ``4 hosts: gpu[01-04]``."""
    word = "host" if len(hosts) == 1 else "hosts"
    return f"{len(hosts)} {word}: {_folded(tuple(hosts))}"


@lru_cache(maxsize=64)  # a thousand hosts take 17 ms, and are asked for once a second
def _folded(hosts: tuple[str, ...]) -> str:
    return sanitize(fold(hosts), max_chars=_HOSTS_CHARS)


# Workers


def seen_text(worker: ClusterWorker, now: float) -> str:
    """Say when its master heard of a worker last."""
    if worker.seen_at is None:
        return UNKNOWN
    ago = now - worker.seen_at
    return "now" if ago < FRESH_S else f"{age_text(ago)} ago"


def retry_text(worker: ClusterWorker, monotonic: float) -> str:
    """Say in how many seconds it is started again; empty when nothing is planned."""
    if worker.retry_at is None:
        return ""
    return f"retry {max(0.0, worker.retry_at - monotonic):.0f} s"


def trouble_text(worker: ClusterWorker) -> str:
    """Say why a worker is not running, and how often it was started again."""
    words = sanitize(worker.reason, max_chars=_REASON_CHARS) or str(worker.state)
    return f"{words} · started again {worker.restarts} ×" if worker.restarts else words


# Versions, and what else a check found


def versions_pieces(check: ClusterCheck | None) -> Row:
    """Compare the versions in one line: what differs first, then what is the same."""
    if check is None:
        return [Piece("versions are compared before it starts", "quiet")]
    pieces: Row = []
    for each in _differing(check):
        pieces += [*difference_pieces(each), Piece("   ")]
    if same := same_text(check):
        pieces += [Piece("✓ ", "fine"), Piece("same: ", "quiet"), Piece(same)]
    return pieces


def same_text(check: ClusterCheck) -> str:
    """Name what is the same everywhere, what has one version together."""
    found: dict[str, list[str]] = {}
    for each in check.versions:
        if each.here and each.hosts and not each.differing:
            found.setdefault(each.here, []).append(sanitize(each.what))
    return " · ".join(f"{', '.join(names)} {sanitize(here)}" for here, names in found.items())


def _differing(check: ClusterCheck) -> list[ClusterVersions]:
    differing = [each for each in check.versions if each.differing]
    return sorted(differing, key=lambda each: not each.must_match)


def difference_pieces(versions: ClusterVersions) -> Row:
    """Say what one thing is here and what it is where it is another."""
    role, symbol = ("broken", "✗") if versions.must_match else ("attention", "!")
    there = " · ".join(
        f"{sanitize(fold(hosts), max_chars=_HOSTS_CHARS)} {sanitize(version) or 'none'}"
        for version, hosts in _by_version(versions)
    )
    here = sanitize(versions.here) or "none"
    return [
        Piece(f"{symbol} ", role),
        Piece(f"{sanitize(versions.what)} here {here} · {there}", role),
    ]


def _by_version(versions: ClusterVersions) -> Iterable[tuple[str, list[str]]]:
    found: dict[str, list[str]] = {}
    for host in versions.differing:
        found.setdefault(versions.hosts[host], []).append(host)
    return found.items()


def folded_problems(check: ClusterCheck) -> list[str]:
    """Give the problems, one line for hosts that have the same: ``gpu[01-03]: no dask``."""
    found: dict[str, list[str]] = {}
    for problem in check.problems:
        host, colon, words = problem.partition(": ")
        if colon and host in check.hosts:
            found.setdefault(words, []).append(host)
        else:
            found[problem] = []
    return [f"{fold(hosts)}: {words}" if hosts else words for words, hosts in found.items()]


def check_rows(check: ClusterCheck) -> list[Row]:
    """Tell what a check found, what keeps the cluster from starting first."""
    rows: list[Row] = [
        [Piece("✗ ", "broken"), Piece(sanitize(problem, max_chars=1000), "attention")]
        for problem in folded_problems(check)
    ]
    if not check.problems:
        rows.append([Piece("✓ ", "fine"), Piece(f"It may start on {hosts_text(check.hosts)}")])
    rows += [difference_pieces(each) for each in _differing(check)]
    if same := same_text(check):
        rows.append([Piece("✓ ", "fine"), Piece(f"the same everywhere: {same}", "quiet")])
    return rows


def rest_rows(cluster: Cluster) -> list[Row]:
    """Say, where there are no workers to show, how it is and what comes next."""
    match cluster.state:
        case ClusterState.FAILED:
            return _failed_rows(cluster)
        case ClusterState.STARTING:
            master = MASTERS[cluster.spec.kind]
            if not cluster.master_port:
                words = f"Looking whether its hosts fit, then the {master} is started …"
                return [[Piece(words, "moves")]]
            return [[Piece(f"The {master} is up; its workers are started …", "moves")]]
        case ClusterState.STOPPING:
            return [[Piece("Workers end, then the master and its ports …", "moves")]]
        case ClusterState.RUNNING:
            return [[Piece("No worker is known yet.", "quiet")]]
        case ClusterState.STOPPED:
            return [
                [
                    Piece("It is stopped.   ", "quiet"),
                    Piece("r", "keys"),
                    Piece(" starts it", "quiet"),
                ]
            ]


def _failed_rows(cluster: Cluster) -> list[Row]:
    reason = sanitize(cluster.reason, keep_newlines=True, max_chars=2000)
    lines = [line for line in reason.splitlines() if line.strip()]
    rows: list[Row] = [[Piece(line, "attention")] for line in lines]
    problems = folded_problems(cluster.check) if cluster.check is not None else ()
    rows += [
        [Piece("✗ ", "broken"), Piece(sanitize(problem, max_chars=1000))]
        for problem in problems
        if problem not in cluster.reason
    ]
    keys = [("r", " tries again   "), ("e", " changes it   "), ("l", " shows what it printed")]
    return [
        *rows,
        [],
        [piece for key, text in keys for piece in (Piece(key, "keys"), Piece(text, "quiet"))],
    ]
