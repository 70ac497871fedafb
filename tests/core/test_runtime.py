"""Hosts as the engine sees them, on real sshd: found, or inactive with a reason."""

from __future__ import annotations

import asyncio
import math
import shutil
import sys
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from lazytui.core.model import HostState
from tests.core.watching import PATIENT, script, watching

if TYPE_CHECKING:
    from pathlib import Path

    from lazytui.core.runtime import Runtime
    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd


async def settle(farm: SSHFarm, name: str, **options: object) -> Runtime:
    """Try a host once; gives what is known of it then."""
    async with watching(farm, name, **options) as watched:  # type: ignore[arg-type]
        runtime = watched.runtimes[name]
        async with asyncio.timeout(30):
            await runtime.wait_settled()
        found = runtime.state, runtime.reason
    runtime.state, runtime.reason = found
    return runtime


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
