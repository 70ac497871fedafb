"""What is asked before something of a cluster ends: each question says what would end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.core.cluster_model import ClusterKind
from lazytui.core.where import fold
from lazytui.text import sanitize
from lazytui.tui.screens.choice import ChoiceScreen
from lazytui.tui.screens.confirm import confirm
from lazytui.tui.widgets.cluster_words import MASTERS, master_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from lazytui.core.cluster_model import Cluster
    from lazytui.tui.screens.base import EngineScreen

STOP, KILL = "s", "k"


def what_ends(cluster: Cluster) -> list[str]:
    """Say what ends with a cluster, in lines; none for one of which nothing runs."""
    lines = []
    if cluster.workers:
        count = len(cluster.workers)
        hosts = fold(dict.fromkeys(worker.host for worker in cluster.workers))
        lines.append(f"{count} {'worker' if count == 1 else 'workers'} on {hosts}")
    if cluster.master_port:
        lines.append(f"the {MASTERS[cluster.spec.kind]}, {master_text(cluster)}")
    ports = [str(port) for port in (cluster.master_port, cluster.dashboard_port) if port]
    if ports:
        lines.append(f"the exposed {'port' if len(ports) == 1 else 'ports'} {', '.join(ports)}")
    if cluster.tasks:
        words = "trials" if cluster.spec.kind is ClusterKind.HYPEROPT else "tasks"
        lines.append(f"{cluster.tasks} {words} that wait or run are given up")
    return lines


def ask_to_stop(screen: EngineScreen, cluster: Cluster) -> None:
    """Offer the gentle way and the hard one."""
    name = cluster.name
    choices = (
        (STOP, "stop   ask workers and master to end"),
        (KILL, "kill   end them at once, nothing is cleaned up"),
    )

    def chosen(key: str | None) -> None:
        if key == STOP:
            screen.intend(screen.engine.clusters.stop(name), f"stop {name}")
        elif key == KILL:
            screen.intend(screen.engine.clusters.stop(name, force=True), f"kill {name}")

    screen.open(ChoiceScreen(f"Stop {name}?", what_ends(cluster), choices, start=0), chosen)


def ask_to_kill(screen: EngineScreen, cluster: Cluster) -> None:
    """Ask whether it is meant."""
    name = cluster.name
    lines = [*what_ends(cluster), "KILL ends at once; nothing is cleaned up."]

    def kill() -> None:
        screen.intend(screen.engine.clusters.stop(name, force=True), f"kill {name}")

    confirm(screen, f"Kill {sanitize(name)} now?", lines, "kill it", 1, kill)


def ask_to_restart(screen: EngineScreen, cluster: Cluster) -> None:
    """Ask before work that is under way is ended to begin anew."""
    name = cluster.name

    async def again() -> None:
        await screen.engine.clusters.stop(name)
        await screen.engine.clusters.start(name)

    def restart() -> None:
        screen.intend(again(), f"restart {name}")

    confirm(screen, f"Restart {name}?", what_ends(cluster), "restart it", 1, restart)


def ask_to_delete(screen: EngineScreen, cluster: Cluster, then: Callable[[], None]) -> None:
    """Ask before a cluster is stopped and its definition is forgotten."""
    ends = what_ends(cluster)
    lines = [*ends, *([""] if ends else []), "Its definition is forgotten; hosts keep their files."]
    confirm(screen, f"Delete {cluster.name}?", lines, "delete it", 1, then)
