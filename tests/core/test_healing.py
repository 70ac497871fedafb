"""Connections that break, on real sshd: they come back by themselves, and leave nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lazytui.core.model import HostState
from lazytui.errors import ConnectError
from tests.core.watching import PATIENT, QUICK, script, watching

if TYPE_CHECKING:
    from tests.netns import NetnsLab
    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd


# --- what heals by itself --------------------------------------------------------------------


async def test_a_killed_connection_comes_back(farm: SSHFarm) -> None:
    host = farm.add("gpu01")

    async with watching(farm, "gpu01") as watched:
        runtime = watched.runtimes["gpu01"]
        await watched.until_all(HostState.ACTIVE)
        host.kill_sessions()
        await watched.until(lambda: runtime.state is HostState.STALE)
        reason = runtime.reason
        await watched.until_all(HostState.ACTIVE)
        await runtime.wait_agent()

    assert reason == "connection lost, connecting again"
    assert host.connections() == 2


async def test_a_restarted_sshd_is_connected_again(farm: SSHFarm) -> None:
    host = farm.add("gpu01")

    async with watching(farm, "gpu01", connect=replace(QUICK, timeout_s=10)) as watched:
        runtime = watched.runtimes["gpu01"]
        await watched.until_all(HostState.ACTIVE)
        await asyncio.to_thread(host.stop)
        await watched.until_all(HostState.INACTIVE)
        reason = runtime.reason
        with pytest.raises(ConnectError, match="refused"):
            await runtime.reach()
        await asyncio.to_thread(host.start)
        await watched.until_all(HostState.ACTIVE)

    assert reason == "refused"


async def test_a_host_that_pauses_is_stale_and_the_same_connection_is_active_again(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")

    async with watching(farm, "gpu01", metrics_s=0.1) as watched:
        runtime = watched.runtimes["gpu01"]
        await watched.until_all(HostState.ACTIVE)
        host.pause()
        await watched.until_all(HostState.STALE)
        reason = runtime.reason
        host.resume()
        await watched.until_all(HostState.ACTIVE)

    assert reason == "no answer"
    assert host.connections() == 1


async def test_a_host_that_stays_silent_is_lost_and_comes_back_when_it_answers(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")

    async with watching(farm, "gpu01", connect=QUICK) as watched:
        runtime = watched.runtimes["gpu01"]
        await watched.until_all(HostState.ACTIVE)
        host.pause()
        await watched.until_all(HostState.INACTIVE)
        reason = runtime.reason
        host.resume()
        await watched.until_all(HostState.ACTIVE)

    assert reason == "no answer in 0.5 s"


async def test_refused_authentication_is_not_tried_again_until_asked_to(farm: SSHFarm) -> None:
    host = farm.add("locked", options=["AuthorizedKeysFile none"])

    async with watching(farm, "locked", connect=QUICK) as watched:
        runtime = watched.runtimes["locked"]
        await watched.until_all(HostState.INACTIVE)
        planned = runtime.next_try_s()
        tried = host.connections()
        runtime.refresh()
        await watched.until(lambda: host.connections() == 2 and runtime.settled)

    assert (planned, tried) == (None, 1)
    assert runtime.reason == "permission denied (tried: id_ed25519)"


async def test_a_refused_host_is_tried_again_by_itself_while_somebody_waits_for_it(
    farm: SSHFarm,
) -> None:
    farm.add_refused("down")

    async with watching(farm, "down", connect=replace(QUICK, backoff_first_s=30.0)) as watched:
        await watched.until(lambda: watched.runtimes["down"].next_try_s() is not None)

        assert watched.runtimes["down"].reason == "refused"


async def test_an_agent_that_dies_comes_back_and_one_that_keeps_dying_is_not_hammered(
    farm: SSHFarm,
) -> None:
    flaky = script(farm.root / "flaky", f'#!/bin/sh\nexec timeout 0.3 {sys.executable} "$@"\n')
    host = farm.add("gpu01")
    patient = replace(PATIENT, backoff_first_s=30.0)

    async with watching(farm, "gpu01", connect=patient, pythons={"gpu01": str(flaky)}) as watched:
        runtime = watched.runtimes["gpu01"]
        await watched.until(lambda: runtime.next_try_s() is not None)

        assert runtime.state is HostState.STALE
    assert host.connections() == 2


async def test_a_bastion_that_dies_takes_nobody_with_it_for_long(farm: SSHFarm) -> None:
    gateway = farm.add("gw1")
    inner = farm.add("inner")
    names = [f"inner{number}" for number in range(5)]
    for name in names:
        farm.add_entry(name, inner.address, inner.port, client_options=["ProxyJump gw1"])

    async with watching(farm, *names) as watched:
        await watched.until_all(HostState.ACTIVE)
        gateway.kill_sessions()
        await watched.until(
            lambda: any(h.state is HostState.STALE for h in watched.runtimes.values())
        )
        await watched.until(lambda: inner.connections() == 10)
        await watched.until_all(HostState.ACTIVE)

    assert gateway.connections() == 2


@pytest.mark.netns
async def test_a_short_cut_of_the_link_is_survived_by_the_same_connection(
    farm: SSHFarm, netns: NetnsLab
) -> None:
    host = netns.add("node1")

    async with watching(farm, "node1", metrics_s=0.1) as watched:
        await watched.until_all(HostState.ACTIVE)
        netns.cut("node1")
        await watched.until_all(HostState.STALE)
        netns.heal("node1")
        await watched.until_all(HostState.ACTIVE)

    assert host.connections() == 1


@pytest.mark.netns
async def test_a_long_cut_of_the_link_ends_in_a_new_connection(
    farm: SSHFarm, netns: NetnsLab
) -> None:
    host = netns.add("node1")

    async with watching(farm, "node1", connect=QUICK) as watched:
        await watched.until_all(HostState.ACTIVE)
        netns.cut("node1")
        await watched.until_all(HostState.INACTIVE)
        reason = watched.runtimes["node1"].reason
        netns.heal("node1")
        await watched.until_all(HostState.ACTIVE)

    assert reason in ("no answer in 0.5 s", "no route to host")
    assert host.connections() >= 2


# --- what is left ----------------------------------------------------------------------------


@pytest.mark.leaves_nothing
async def test_leaving_ends_the_agents_and_leaves_no_task_and_no_file(farm: SSHFarm) -> None:
    names = ["gpu01", "gpu02"]
    for name in names:
        farm.add(name)
    async with watching(farm, "gpu01") as watched:  # what is loaded once, is loaded
        await watched.until_all(HostState.ACTIVE)
    tasks, descriptors = asyncio.all_tasks(), len(os.listdir("/proc/self/fd"))

    async with watching(farm, *names, metrics_s=0.1) as watched:
        await watched.until_all(HostState.ACTIVE)

    async with asyncio.timeout(10):
        while any(host.session_pids() for host in farm.hosts.values()):
            await asyncio.sleep(0.02)
        while asyncio.all_tasks() != tasks or len(os.listdir("/proc/self/fd")) > descriptors:
            await asyncio.sleep(0.02)
    assert farm.leftovers() == []


async def test_an_agent_killed_on_its_host_is_started_again(farm: SSHFarm) -> None:
    host = farm.add("gpu01")

    async with watching(farm, "gpu01") as watched:
        await watched.until_all(HostState.ACTIVE)
        for session in host.sshd.sessions():
            for child in session.children(recursive=True):
                if not child.name().startswith("sshd"):
                    child.send_signal(signal.SIGKILL)
        await watched.until(lambda: watched.runtimes["gpu01"].state is HostState.STALE)
        await watched.until_all(HostState.ACTIVE)

    assert host.connections() == 2
