"""Hosts as the engine sees them, on real sshd: found, healed by themselves, or with a reason."""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import signal
import sys
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lazytui.core.events import EventBus, Notice
from lazytui.core.model import HostState
from lazytui.core.runtime import Runtime
from lazytui.core.settings import ConnectSettings, Settings
from lazytui.errors import ConnectError
from lazytui.ssh.config import SSHConfig
from lazytui.ssh.connector import Connector
from lazytui.ssh.credentials import NobodyAsks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from lazytui.core.events import Subscription
    from tests.netns import NetnsLab
    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd

QUICK = ConnectSettings(
    timeout_s=0.5,
    keepalive_s=0.2,
    keepalive_count=2,
    backoff_first_s=0.05,
    backoff_max_s=0.2,
)
PATIENT = replace(QUICK, timeout_s=10.0, keepalive_s=60.0)


class Watched:
    """Hosts that connect by themselves, and what is told of them."""

    def __init__(self, runtimes: Mapping[str, Runtime], told: Subscription) -> None:
        self.runtimes = runtimes
        self.notices: list[str] = []
        self._told = told

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for something that an event tells of."""
        async with asyncio.timeout(30):
            while not condition():
                event = await self._told.get()
                if isinstance(event, Notice):
                    self.notices.append(event.text)

    async def until_all(self, state: HostState) -> None:
        """Wait until every host is in one state."""
        await self.until(lambda: all(host.state is state for host in self.runtimes.values()))


@asynccontextmanager
async def watching(
    farm: SSHFarm,
    *names: str,
    connect: ConnectSettings = PATIENT,
    pythons: Mapping[str, str] | None = None,
    metrics_s: float = 0.0,
) -> AsyncIterator[Watched]:
    """Connect to hosts and stay connected; everything is closed at the end."""
    hosts = {name: {"python": python} for name, python in (pythons or {}).items()}
    settings = Settings(connect=connect, hosts=hosts)
    config = SSHConfig.load(farm.config, home=farm.home)
    connector = Connector(config, connect, NobodyAsks(), home=farm.home)
    events = EventBus()
    runtimes = {name: Runtime(name, None, connector, settings, events) for name in names}
    with events.subscribe() as told:
        async with asyncio.TaskGroup() as group:
            tasks = []
            for runtime in runtimes.values():
                runtime.persistent = True
                runtime.set_metrics_interval(metrics_s)
                tasks.append(group.create_task(runtime.supervise()))
            try:
                yield Watched(runtimes, told)
            finally:
                for task in tasks:
                    task.cancel()
        await connector.close()


async def settle(farm: SSHFarm, name: str, **options: object) -> Runtime:
    """Try a host once; gives what is known of it then."""
    async with watching(farm, name, **options) as watched:  # type: ignore[arg-type]
        runtime = watched.runtimes[name]
        async with asyncio.timeout(30):
            await runtime.wait_settled()
        found = runtime.state, runtime.reason
    runtime.state, runtime.reason = found
    return runtime


def script(path: Path, text: str) -> Path:
    """Write a program."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


def framed(header: bytes) -> bytes:
    """One frame without a payload."""
    return (len(header) + 1).to_bytes(4, "big") + header + b"\n"


def lies(farm: SSHFarm, answer: bytes) -> Path:
    """Write a program that takes the place of Python on a host, and says what it likes."""
    return script(
        farm.root / "liar",
        f"#!{sys.executable}\n"
        "import re, sys\n"
        "if '-V' in sys.argv: sys.exit()\n"
        "marker = re.search(rb'[0-9a-f]{32}', sys.stdin.buffer.read(60))[0]\n"
        f"sys.stdout.buffer.write(marker + {answer!r})\n"
        "sys.stdout.flush()\n"
        "sys.stdin.buffer.read()\n",
    )


# --- what is found ---------------------------------------------------------------------------


async def test_a_host_becomes_active_with_its_information(farm: SSHFarm) -> None:
    farm.add("gpu01")

    runtime = await settle(farm, "gpu01")

    assert (runtime.state, runtime.reason) == (HostState.ACTIVE, "")
    assert runtime.info is not None
    assert runtime.info.python_version == ".".join(map(str, sys.version_info[:3]))
    assert runtime.info.cpu_cores >= 1
    assert runtime.info.memory > 0
    assert runtime.latency_ms is not None
    assert runtime.route == ("gpu01",)


async def test_metrics_arrive_once_they_are_asked_for(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with watching(farm, "gpu01", metrics_s=0.05) as watched:
        runtime = watched.runtimes["gpu01"]
        await watched.until(lambda: len(runtime.cpu_history) >= 3)

    assert runtime.metrics is not None
    assert 0 <= runtime.metrics.memory_share <= 1


@pytest.mark.parametrize("shell", ["bash", "dash", "fish", "csh", "tcsh"])
async def test_any_login_shell_will_do_and_may_print(farm: SSHFarm, shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} on this machine")
    farm.add("odd", shell=program, noise="Welcome!\n\x1b[31m\xff no frame \0\n")

    runtime = await settle(farm, "odd")

    assert (runtime.state, runtime.reason) == (HostState.ACTIVE, "")


@pytest.mark.parametrize("shell", ["sh", "fish", "csh"])
async def test_a_host_without_python_is_inactive_and_says_so(farm: SSHFarm, shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} on this machine")
    # The login of the test ground needs `cat`.
    tools = farm.root / "tools"
    tools.mkdir()
    (tools / "cat").symlink_to(shutil.which("cat") or "/bin/cat")
    farm.add("bare", shell=program, path=str(tools))

    runtime = await settle(farm, "bare")

    assert runtime.state is HostState.INACTIVE
    assert runtime.reason == "no Python >= 3.6: none found"


async def test_a_host_with_an_old_python_only_is_inactive_and_names_it(farm: SSHFarm) -> None:
    tools = farm.root / "tools"
    script(tools / "python", "#!/bin/sh\necho Python 2.7.18 >&2\n")
    farm.add("old", path=str(tools))

    runtime = await settle(farm, "old")

    assert runtime.reason == "no Python >= 3.6: found 2.7.18"


async def test_the_python_of_a_host_can_be_set(farm: SSHFarm) -> None:
    farm.add("gpu01", path="/nowhere")

    runtime = await settle(farm, "gpu01", pythons={"gpu01": sys.executable})

    assert (runtime.state, runtime.reason) == (HostState.ACTIVE, "")


async def test_a_set_python_that_is_not_there_is_named(farm: SSHFarm) -> None:
    farm.add("gpu01")

    runtime = await settle(farm, "gpu01", pythons={"gpu01": "/opt/none/python3"})

    assert runtime.state is HostState.INACTIVE
    assert "/opt/none/python3" in runtime.reason


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("echo This account is currently not available.; exit 1", "This account is currently not"),
        ("echo backups only >&2", "backups only"),
        ("true", "it says nothing"),
        ('echo "you said: $SSH_ORIGINAL_COMMAND"', "you said: "),
    ],
)
async def test_a_host_that_runs_no_commands_has_no_usable_shell(
    farm: SSHFarm, command: str, words: str
) -> None:
    login = script(farm.root / "login", f"#!/bin/sh\n{command}\n")
    farm.add("forced", options=[f"ForceCommand {login}"])

    runtime = await settle(farm, "forced")

    assert runtime.state is HostState.INACTIVE
    assert runtime.reason.startswith(f"no usable shell: {words}")


async def test_a_login_script_that_reads_our_input_is_suspected(farm: SSHFarm) -> None:
    login = script(farm.root / "login", "#!/bin/sh\ncat >/dev/null\n")
    farm.add("hungry", options=[f"ForceCommand {login}"])

    runtime = await settle(farm, "hungry", connect=replace(PATIENT, agent_start_s=0.5))

    assert runtime.reason == (
        "the agent did not start in 0.5 s (does a login script read its input?)"
    )


@pytest.mark.parametrize(
    "nonsense",
    [
        b"\xff\xff\xff\xff",
        framed(b"[]"),
        framed(b'{"ev":"hello"}'),
        framed(b'{"ev":"hello","python":"3","boot_id":"","os":"","cores":1e999,"memory":0}'),
        framed(b'{"ev":"unfit","python":["\\u001b]0;"]}'),
    ],
)
async def test_a_host_that_speaks_nonsense_is_inactive_and_harms_nobody(
    farm: SSHFarm, nonsense: bytes
) -> None:
    liar = lies(farm, nonsense)
    farm.add("liar")
    farm.add("honest")

    async with watching(farm, "liar", "honest", pythons={"liar": str(liar)}) as watched:
        lying, honest = watched.runtimes["liar"], watched.runtimes["honest"]
        await watched.until(lambda: honest.state is HostState.ACTIVE and lying.settled)

        assert lying.state is HostState.INACTIVE
        assert lying.reason.startswith(("the agent ", "no Python"))
        assert lying.reason.isprintable()


@pytest.mark.parametrize(
    "value",
    [b"1e400", b"-1e400", pytest.param(b"9" * 4000, id="long"), b"-7", b"NaN", b'"x"', b"[]"],
)
async def test_numbers_that_a_host_makes_up_can_be_computed_with(
    farm: SSHFarm, value: bytes
) -> None:
    keys = b"cpu load1 mem_used mem_total disk_used disk_total net_in net_out".split()
    pairs = b",".join(b'"%s":%s' % (key, value) for key in keys)
    hello = b'{"ev":"hello","python":"3","boot_id":"","os":"","cores":1,"memory":1,"gpus":[]}'
    sample = b'{"ev":"metrics",%s,"gpus":[["1e400",%s,%s,%s]]}' % (pairs, value, value, value)
    liar = lies(farm, framed(hello) + framed(sample))
    farm.add("liar")

    async with watching(farm, "liar", pythons={"liar": str(liar)}) as watched:
        runtime = watched.runtimes["liar"]
        await watched.until(lambda: runtime.metrics is not None)

    metrics = runtime.metrics
    assert metrics is not None
    assert 0 <= metrics.cpu <= 1
    assert math.isfinite(metrics.memory_share + metrics.disk_share)
    assert math.isfinite(metrics.load1 + metrics.net_in + metrics.net_out)
    assert metrics.gpus_free in (0, 1)


async def test_a_host_that_takes_no_sessions_is_inactive(farm: SSHFarm) -> None:
    farm.add("full", options=["MaxSessions 0"])

    runtime = await settle(farm, "full")

    assert runtime.state is HostState.INACTIVE
    assert "the host refused a session" in runtime.reason


async def test_bad_lines_of_known_hosts_are_told_once(farm: SSHFarm) -> None:
    farm.know("garbage", "")
    names = ["gpu01", "gpu02", "gpu03"]
    for name in names:
        farm.add(name)

    async with watching(farm, *names) as watched:
        await watched.until_all(HostState.ACTIVE)
        await watched.until(lambda: watched.notices)

    assert watched.notices == [f"{farm.known_hosts}:1: not a known_hosts line"]


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
    await settle(farm, "gpu01")  # what is loaded once, is loaded
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
