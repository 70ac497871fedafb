"""Logging in on real sshd: what works, and the plain words for what does not."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import psutil
import pytest

from lazytui.ssh.connector import split_target
from tests import evil
from tests.leftovers import processes_naming
from tests.ssh.reaching import Answers, connecting, output, reach, refusal, ssh_agent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd


# --- ports that do not answer as they should -------------------------------------------------


async def test_a_closed_port_is_refused(farm: SSHFarm) -> None:
    farm.add_refused("down")

    async with connecting(farm) as connector:
        error = await refusal(connector, "down")

    assert (error.reason, error.kind, error.retry) == ("refused", "refused", True)


async def test_a_silent_port_gives_no_answer_in_the_time_set(farm: SSHFarm) -> None:
    farm.add_silent("hung")

    async with connecting(farm, timeout_s=0.2) as connector:
        error = await refusal(connector, "hung")

    assert (error.reason, error.kind, error.retry) == ("no answer in 0.2 s", "timeout", True)


async def test_the_timeout_of_the_ssh_config_wins(farm: SSHFarm) -> None:
    farm.add_silent("hung")
    farm.config.write_text("Host *\n ConnectTimeout 1\n" + farm.config.read_text())

    async with connecting(farm, timeout_s=60) as connector:
        error = await refusal(connector, "hung")

    assert error.reason == "no answer in 1 s"


async def test_a_paused_sshd_gives_no_answer(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    host.pause()

    async with connecting(farm, timeout_s=0.2) as connector:
        error = await refusal(connector, "gpu01")

    assert error.reason == "no answer in 0.2 s"


async def test_a_server_that_says_its_version_late_is_waited_for(farm: SSHFarm) -> None:
    farm.add_slow("slow", 0.3)

    async with connecting(farm, timeout_s=10) as connector:
        await reach(connector, "slow")


async def test_a_login_that_hangs_after_the_version_is_given_up(farm: SSHFarm) -> None:
    with evil.tcp_peer(evil.sends(b"SSH-2.0-tarpit\r\n")) as half_closed:
        farm.add_entry("half", half_closed.address, half_closed.port)
        with evil.tcp_peer(lambda sock, closing: _greet_and_hang(sock, closing)) as tarpit:
            farm.add_entry("tarpit", tarpit.address, tarpit.port)

            async with connecting(farm, timeout_s=0.1, login_timeout_s=0.4) as connector:
                hung = await refusal(connector, "tarpit")
                gone = await refusal(connector, "half")

    assert (hung.reason, hung.retry) == ("login took too long", True)
    assert (gone.kind, gone.retry) == ("closed", True)


def _greet_and_hang(connection: object, closing: object) -> None:
    connection.sendall(b"SSH-2.0-tarpit\r\n")  # type: ignore[attr-defined]
    closing.wait(20)  # type: ignore[attr-defined]


async def test_a_web_server_is_not_an_ssh_server(farm: SSHFarm) -> None:
    farm.add_http("web")

    async with connecting(farm) as connector:
        error = await refusal(connector, "web")

    assert (error.reason, error.retry) == ("not an SSH server", False)


@pytest.mark.parametrize(
    "greeting", [b"220 mail.example.org ESMTP\r\n" * 3, b"\0" * 5000, b"SSH-1.5-old\r\n"]
)
async def test_other_servers_are_not_ssh_servers(farm: SSHFarm, greeting: bytes) -> None:
    with evil.tcp_peer(evil.sends(greeting)) as server:
        farm.add_entry("odd", server.address, server.port)
        async with connecting(farm) as connector:
            error = await refusal(connector, "odd")

    assert (error.reason, error.retry) == ("not an SSH server", False)


async def test_a_server_that_hangs_up_at_once_may_be_tried_again(farm: SSHFarm) -> None:
    with evil.tcp_peer(evil.hangs_up) as server:
        farm.add_entry("shy", server.address, server.port)
        async with connecting(farm) as connector:
            error = await refusal(connector, "shy")

    assert (error.kind, error.retry) == ("closed", True)


async def test_what_a_server_says_is_harmless_in_the_reason(farm: SSHFarm) -> None:
    async with evil.disconnects("go \x1b]0;away\x07\x9b31m\u202e") as server:
        farm.add_odd("rude", server)
        async with connecting(farm) as connector:
            error = await refusal(connector, "rude")

    assert error.reason.startswith("disconnected: go ")
    assert not set(error.reason) & set("\x1b\x07\x9b\u202e")


@pytest.mark.parametrize("name", ["no.such.host.invalid", "x" * 70, "host:99999"])
async def test_a_name_that_cannot_be_is_a_reason_and_no_crash(farm: SSHFarm, name: str) -> None:
    async with connecting(farm) as connector:
        error = await refusal(connector, name)

    assert error.reason


def test_a_target_is_split_as_ssh_does() -> None:
    assert split_target("host") == ("", "host", 0)
    assert split_target("me@host:22") == ("me", "host", 22)
    assert split_target("ssh://a@b@[::1]:2222/") == ("a@b", "::1", 2222)
    assert split_target("::1") == ("", "::1", 0)
    assert split_target("host:²") == ("", "host", 0)


# --- ProxyCommand ----------------------------------------------------------------------------


async def test_a_proxy_command_is_the_way_to_the_host(farm: SSHFarm) -> None:
    gateway = farm.add("gw1")
    inner = farm.add("inner")
    farm.add_entry(
        "behind",
        inner.address,
        inner.port,
        client_options=[f"ProxyCommand ssh -F {farm.config} -W %h:%p gw1"],
    )

    async with connecting(farm) as connector:
        connection = await connector.connect("behind")
        running = processes_naming(farm.config)
        said = await output(connection, "echo through")
        await connection.close()

    assert said == b"through\n"
    assert gateway.connections() == 1
    assert [process for process in running if "-W" in process.command]
    assert processes_naming(farm.config) == []


async def test_a_proxy_command_that_fails_tells_why_and_is_gone(farm: SSHFarm) -> None:
    complain = f"sh -c 'echo no way \\033[31mhome >&2; echo {farm.root}/mark >/dev/null; exit 1'"
    farm.add_entry("behind", "192.0.2.1", 22, client_options=[f"ProxyCommand {complain}"])

    async with connecting(farm) as connector:
        error = await refusal(connector, "behind")

    assert error.reason.startswith("proxy command: no way")
    assert "\x1b" not in error.reason
    assert (error.kind, error.retry) == ("proxy", True)
    assert processes_naming(farm.root / "mark") == []


async def test_a_proxy_command_that_hangs_is_ended_with_its_children(farm: SSHFarm) -> None:
    mark = farm.root / "mark"
    hang = f"sh -c 'trap \"\" HUP; sleep 600 # {mark}'"
    farm.add_entry("behind", "192.0.2.1", 22, client_options=[f"ProxyCommand {hang}"])
    before = {child.pid for child in psutil.Process().children(recursive=True)}

    async with connecting(farm, timeout_s=0.2) as connector:
        error = await refusal(connector, "behind")

    assert error.reason == "no answer in 0.2 s"
    assert {child.pid for child in psutil.Process().children(recursive=True)} <= before


# --- limits of this machine, cancelling ------------------------------------------------------


@contextmanager
def no_more_files() -> Iterator[None]:
    """Meet the limit of open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = max(map(int, os.listdir("/proc/self/fd"))) + 8
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.open(os.devnull, os.O_RDONLY))
        yield
    finally:
        for descriptor in taken:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_too_few_file_descriptors_are_a_clear_reason_that_heals(farm: SSHFarm) -> None:
    host = farm.add("gpu01")

    async with connecting(farm) as connector:
        await reach(connector, "gpu01")
        with no_more_files():
            error = await refusal(connector, "gpu01")
        await reach(connector, "gpu01")

    assert error.reason == "too many open files here (raise ulimit -n)"
    assert error.retry is True
    assert host.connections() == 2


async def test_connects_cancelled_at_any_moment_leave_nothing(
    farm: SSHFarm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    farm.add("gw1")
    inner = farm.add("inner", jump="gw1")
    farm.add("plain", known=False)
    command = f"{sys.executable} -c 'import sys, time; time.sleep(60)'"
    farm.add_entry("proxied", inner.address, inner.port, client_options=[f"ProxyCommand {command}"])
    with ssh_agent(tmp_path, farm.client_key) as path:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
        async with connecting(farm, Answers("n")) as connector:
            await reach(connector, "inner")  # what is loaded once, is loaded
        await asyncio.sleep(0.1)
        descriptors = len(os.listdir("/proc/self/fd"))
        # Ours alone: below the farm's sshd, sessions end in their own time.
        children = {child.pid for child in psutil.Process().children()}
        tasks = asyncio.all_tasks()

        async with connecting(farm, Answers("n")) as connector:
            for number in range(36):
                name = ("inner", "plain", "proxied")[number % 3]
                attempt = asyncio.create_task(connector.connect(name))
                await asyncio.sleep(0.004 * (number // 3))
                attempt.cancel()
                done = (await asyncio.gather(attempt, return_exceptions=True))[0]
                if not isinstance(done, BaseException):
                    await done.close()

        async with asyncio.timeout(10):
            while asyncio.all_tasks() != tasks or len(os.listdir("/proc/self/fd")) > descriptors:
                await asyncio.sleep(0.02)
        assert {child.pid for child in psutil.Process().children()} <= children
