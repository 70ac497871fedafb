"""Looks, before anything starts, whether a cluster could: hosts, programs, versions, ports."""

from __future__ import annotations

import shlex
import shutil
from typing import TYPE_CHECKING

from lazytui.clusters.dask import DaskCluster, DaskWorkerLauncher
from lazytui.clusters.hyperopt import NO_MONGOD, HyperoptCluster
from lazytui.clusters.versions import mismatch, missing_here, versions_here, versions_on
from lazytui.core.cluster_model import ClusterCheck, ClusterKind, ClusterVersions
from lazytui.core.model import HostState
from lazytui.core.script import asking
from lazytui.core.script.together import each
from lazytui.core.where import parse_where
from lazytui.errors import InvalidRuntimeError
from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lazytui.core.cluster_model import ClusterSpec
    from lazytui.core.engine import Engine
    from lazytui.core.runtime import Runtime

PYTHON = DaskWorkerLauncher.python
WORKER = "hyperopt-mongo-worker"
_FIND_WORKER = (
    f"command -v {WORKER} >/dev/null && echo worker; {PYTHON} -c "
    + shlex.quote("from importlib import metadata; print('hyperopt', metadata.version('hyperopt'))")
    + " 2>/dev/null"
)


async def hosts_of(engine: Engine, spec: ClusterSpec) -> list[str]:
    """Give the hosts that a definition means now.

    Raises:
        UsageError: its WHERE is wrong, or names what is not there.
    """
    return await engine.select(parse_where(spec.where, bare_words="exact"))


def master_port(spec: ClusterSpec) -> int:
    """Give the port that the master of a cluster wants."""
    if spec.master_port is not None:
        return spec.master_port
    kind = DaskCluster if spec.kind is ClusterKind.DASK else HyperoptCluster
    return kind.DEFAULT_MASTER_PORT


async def check(engine: Engine, spec: ClusterSpec) -> ClusterCheck:
    """Look whether a cluster could start.

    Raises:
        UsageError: as :func:`hosts_of`.
    """
    hosts = await hosts_of(engine, spec)
    if not hosts:
        return ClusterCheck((), (), (f"no host matches {sanitize(spec.where, max_chars=80)}",))
    taking_part = list(dict.fromkeys((*hosts, *([spec.master] if spec.master else ()))))
    problems, members = await _reached(engine, taking_part)
    look = _dask if spec.kind is ClusterKind.DASK else _hyperopt
    versions, more = await look(members)
    problems += more
    if spec.master_port is not None:
        problems += await _ports(engine, members, spec.master_port)
    return ClusterCheck(tuple(hosts), tuple(versions), tuple(problems))


async def _reached(engine: Engine, hosts: Sequence[str]) -> tuple[list[str], list[Runtime]]:
    """Connect to hosts; gives what keeps them from taking part, and those that can."""
    runtimes = [engine.connected(host) for host in hosts]
    for runtime in runtimes:
        if runtime.state is HostState.INACTIVE:
            runtime.refresh()
    await each(runtimes, lambda runtime: runtime.wait_settled())
    problems = [
        f"{runtime.host} cannot take part: {sanitize(runtime.reason, max_chars=200)}"
        for runtime in runtimes
        if runtime.state is HostState.INACTIVE
    ]
    return problems, [each for each in runtimes if each.state is not HostState.INACTIVE]


async def _dask(members: Sequence[Runtime]) -> tuple[list[ClusterVersions], list[str]]:
    here = versions_here()
    problems = [problem] if (problem := missing_here(here)) else []
    answers = await each(members, lambda member: versions_on(member, PYTHON))
    found = {member.host: answer for member, answer in zip(members, answers, strict=True)}
    versions = [
        ClusterVersions(
            name, here[name], {host: said.get(name, "") for host, said in found.items()}
        )
        for name in here
    ]
    if not problems:
        problems = [
            f"{host}: {problem}"
            for host, said in found.items()
            if (problem := mismatch(here, said, PYTHON))
        ]
    return versions, problems


async def _hyperopt(members: Sequence[Runtime]) -> tuple[list[ClusterVersions], list[str]]:
    problems = [] if shutil.which("mongod") else [NO_MONGOD]
    answers = await each(members, lambda member: asking.shell(member, _FIND_WORKER))
    versions = {}
    for member, said in zip(members, answers, strict=True):
        lines = [sanitize(line.strip()) for line in said.splitlines()]
        named = [line for line in lines if line.startswith("hyperopt ")]
        versions[member.host] = named[0].partition(" ")[2] if named else ""
        if "worker" not in lines:
            problems.append(
                f"{member.host}: no {WORKER} on the PATH: {PYTHON} -m pip install hyperopt pymongo"
            )
    return [ClusterVersions("hyperopt", "", versions, must_match=False)], problems


async def _ports(engine: Engine, members: Sequence[Runtime], port: int) -> list[str]:
    """Say where the wanted port is taken."""
    places = [] if asking.free_here([port]) else ["this machine"]
    for member in members:
        try:
            if not await asking.free_ports(member, [port]):
                places.append(member.host)
        except InvalidRuntimeError as error:
            places.append(f"{member.host} (not known: {error})")
    if port in engine.port_claims and not places:
        places = ["this machine, by another cluster"]
    return [f"port {port} is taken on {place}: give another with --port" for place in places]
