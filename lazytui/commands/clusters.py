"""``lazytui clusters``: Dask and Hyperopt on hosts, held by the engine."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Any

from lazytui.commands import common
from lazytui.core.cluster_model import ClusterKind, ClusterSpec, ClusterState, WorkerState
from lazytui.errors import InvalidRuntimeError, LazytuiError, UsageError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from lazytui.commands.call import Call
    from lazytui.core.cluster_model import Cluster, ClusterCheck, Clusters, ClusterWorker

SYMBOLS = {
    ClusterState.STOPPED: "○",
    ClusterState.STARTING: "◐",
    ClusterState.RUNNING: "●",
    ClusterState.STOPPING: "◐",
    ClusterState.FAILED: "✗",
    WorkerState.STARTING: "◐",
    WorkerState.RUNNING: "●",
    WorkerState.RETRYING: "◐",
    WorkerState.STOPPED: "○",
}
HERE = "(manager)"


async def clusters(call: Call) -> int:
    """List the clusters, or do something with one."""
    arguments = call.arguments
    if arguments.action == "start" and not call.lasting:
        raise UsageError("a cluster is held by the engine, and none runs: start it by `lazytui`")
    async with call.engine() as engine:
        known = engine.clusters
        match arguments.action:
            case "add":
                return await _add(call, known)
            case "check":
                return await _check(call, known)
            case "start":
                return await _start(call, known)
            case "stop":
                await known.stop(arguments.name, force=arguments.force)
            case "scale":
                await known.scale(arguments.name, arguments.workers)
                call.print(_line(known.get(arguments.name)))
            case "logs":
                return await _logs(call, known)
            case "snippet":
                return _snippet(call, known.get(arguments.name))
            case "remove":
                await known.remove(arguments.name)
            case _:
                _list(call, known.all())
    return common.OK


async def _add(call: Call, known: Clusters) -> int:
    arguments = call.arguments
    spec = ClusterSpec(
        name=arguments.name,
        kind=ClusterKind(arguments.kind),
        where=" ".join(arguments.where),
        workers=arguments.workers,
        master=arguments.master,
        master_port=arguments.port,
        dbpath=str(call.path(arguments.dbpath)) if arguments.dbpath else "",
        dbname=arguments.dbname,
        poll_interval=arguments.poll,
    )
    added = await known.add(spec)
    call.print(f"{added.name}: kept; lazytui clusters start {added.name}")
    return common.OK


async def _start(call: Call, known: Clusters) -> int:
    name = call.arguments.name
    try:
        await known.start(name)
    except asyncio.CancelledError:
        call.say(f"{name} goes on starting; lazytui clusters stop {name} ends it")
        raise
    except UsageError:
        raise
    except InvalidRuntimeError as error:
        call.say(str(error))
        return common.NOT_REACHED
    except LazytuiError as error:
        for line in str(error).splitlines():
            call.say(line)
        return common.FAILED
    cluster = known.get(name)
    call.print(_line(cluster))
    if cluster.dashboard_url:
        call.print(f"dashboard: {cluster.dashboard_url}")
    call.print(f"client: lazytui clusters snippet {name}")
    return common.OK


def _snippet(call: Call, cluster: Cluster) -> int:
    if not cluster.master_port:
        raise UsageError(f"{cluster.name} is {cluster.state}: it has no address before it runs")
    call.print(cluster.snippet.removesuffix("\n"))
    return common.OK


async def _check(call: Call, known: Clusters) -> int:
    found = await known.check(known.get(call.arguments.name).spec)
    if call.arguments.json:
        call.print_json(_check_as_json(found))
    else:
        _print_check(call, found)
    return common.FAILED if found.problems else common.OK


def _print_check(call: Call, found: ClusterCheck) -> None:
    hosts = sorted({host for row in found.versions for host in row.hosts})
    if found.versions:
        rows = [["", "HERE", *(sanitize(host) for host in hosts)]]
        rows += [
            [row.what, row.here or "-", *(row.hosts.get(host) or "-" for host in hosts)]
            for row in found.versions
        ]
        call.print_table(rows)
    for problem in found.problems:
        call.print(f"✗ {sanitize(problem)}")
    if not found.problems:
        call.print(f"✓ it can start on {len(found.hosts)} hosts")


async def _logs(call: Call, known: Clusters) -> int:
    arguments = call.arguments
    parts = await known.logs(arguments.name)
    if arguments.part is not None:
        titles = [part.title for part in parts]
        parts = [part for part in parts if part.title == arguments.part]
        if not parts:
            there_are = ", ".join(titles) or "none before it has run"
            raise UsageError(f"no part {sanitize(arguments.part)}; there are {there_are}")
    for part in parts:
        if arguments.part is None:
            call.print(f"== {part.title} on {sanitize(part.host) or HERE}")
        call.write_output(part.data)
        if part.data and not part.data.endswith(b"\n") and arguments.part is None:
            call.print()
        await call.drain()
    if not parts:
        call.say(f"{arguments.name} has printed nothing yet")
    return common.OK


# -- showing


def _line(cluster: Cluster) -> str:
    """Say in a line how one is."""
    words = [f"{cluster.name}: {cluster.state}"]
    if cluster.state is ClusterState.RUNNING:
        words.append(f"{cluster.running} of {cluster.wanted} workers")
        words.append(f"port {cluster.master_port} on localhost, here and on its hosts")
    return ", ".join(words)


def _list(call: Call, known: list[Cluster]) -> None:
    if call.arguments.json:
        call.print_json([as_json(cluster) for cluster in known])
        return
    if not known:
        call.say("no cluster is kept: lazytui clusters add NAME --kind dask WHERE")
        return
    rows = [["NAME", "KIND", "STATE", "WORKERS", "TASKS", "MASTER", "DASHBOARD", "WHERE", ""]]
    for cluster in known:
        spec = cluster.spec
        rows.append(
            [
                cluster.name,
                str(spec.kind),
                f"{SYMBOLS[cluster.state]} {cluster.state}",
                f"{cluster.running}/{cluster.wanted}" if cluster.wanted else "-",
                "-" if cluster.tasks is None else str(cluster.tasks),
                f"{sanitize(spec.master) or 'here'}:{cluster.master_port or '-'}",
                str(cluster.dashboard_port or "-"),
                sanitize(spec.where, max_chars=40),
                sanitize(_reason(cluster), max_chars=100),
            ]
        )
    call.print_table(rows, right=(3, 4, 6))


def _reason(cluster: Cluster) -> str:
    """Say why it, or the first worker that does not, does not run."""
    if cluster.reason:
        return cluster.reason
    if not cluster.held:
        return "held by another process"
    ill = [worker for worker in cluster.workers if worker.reason]
    return f"{ill[0].name} on {ill[0].host}: {ill[0].reason}" if ill else ""


def as_json(cluster: Cluster) -> dict[str, Any]:
    """Give a cluster with the keys that scripts rely on."""
    spec = cluster.spec
    return {
        "name": cluster.name,
        "kind": str(spec.kind),
        "where": spec.where,
        "master": spec.master or None,
        "state": str(cluster.state),
        "reason": cluster.reason,
        "hosts": list(cluster.hosts),
        "wanted": cluster.wanted,
        "running": cluster.running,
        "tasks": cluster.tasks,
        "master_port": cluster.master_port or None,
        "dashboard": cluster.dashboard_url or None,
        "since": cluster.since,
        "held": cluster.held,
        "workers": [_worker_as_json(worker) for worker in cluster.workers],
    }


def _worker_as_json(worker: ClusterWorker) -> dict[str, Any]:
    retry = None if worker.retry_at is None else max(0.0, worker.retry_at - time.monotonic())
    return {
        "name": worker.name,
        "host": worker.host,
        "state": str(worker.state),
        "reason": worker.reason,
        "threads": worker.threads,
        "memory": worker.memory,
        "memory_limit": worker.memory_limit,
        "cpu": worker.cpu,
        "doing": worker.doing,
        "restarts": worker.restarts,
        "next_retry_s": retry,
        "run": worker.run_id or None,
    }


def _check_as_json(found: ClusterCheck) -> dict[str, Any]:
    return {
        "hosts": list(found.hosts),
        "versions": [
            {"what": row.what, "here": row.here, "hosts": row.hosts, "must_match": row.must_match}
            for row in found.versions
        ],
        "problems": list(found.problems),
    }
