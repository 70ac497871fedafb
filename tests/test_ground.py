"""The ground of the tests holds: hosts answer, break as told, and leave nothing behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh
import pytest

from tests import evil
from tests.leftovers import is_alive
from tests.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.netns import NetnsLab
    from tests.sshd import SSHFarm
    from tests.tmux import Tmux

sshd = pytest.mark.sshd


def start_counting(farm: SSHFarm, name: str) -> subprocess.Popen[bytes]:
    """Start a command on a host that writes "ready" and then stays."""
    ssh = subprocess.Popen(
        farm.ssh_argv(name, "echo ready; exec sleep 600"),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    )
    assert ssh.stdout is not None
    assert ssh.stdout.readline() == b"ready\n"
    return ssh


# --- hosts that answer -----------------------------------------------------------------------


@sshd
@pytest.mark.leaves_nothing
def test_a_host_answers_the_real_ssh_with_exact_bytes_and_exit_status(farm: SSHFarm) -> None:
    farm.add("gpu01")

    done = farm.ssh("gpu01", "cat; exit 7", data=bytes(range(256)))

    assert (done.stdout, done.returncode) == (bytes(range(256)), 7)


@sshd
def test_remote_commands_see_a_home_and_a_path_of_their_own(farm: SSHFarm) -> None:
    first, second = farm.add("gpu01"), farm.add("gpu02", path="/nowhere")

    assert farm.ssh("gpu01", "echo $HOME").stdout.decode().strip() == str(first.home)
    assert (
        farm.ssh("gpu02", "echo $HOME:$PATH").stdout.decode().strip() == f"{second.home}:/nowhere"
    )


@sshd
def test_python3_on_a_host_is_the_interpreter_of_the_tests(farm: SSHFarm) -> None:
    farm.add("gpu01")

    version = farm.ssh("gpu01", "python3 -c 'import sys; print(sys.version)'").stdout

    assert version.decode().strip() == sys.version


@sshd
def test_a_host_without_python_answers_127(farm: SSHFarm) -> None:
    farm.add("bare", path=str(farm.root))

    assert farm.ssh("bare", "exec python3 -c pass").returncode == 127


@sshd
@pytest.mark.parametrize("shell", ["bash", "dash", "fish", "csh", "tcsh", "zsh"])
def test_a_host_can_have_any_login_shell(farm: SSHFarm, shell: str) -> None:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"no {shell} on this machine")
    farm.add("odd", shell=program)

    shown = farm.ssh("odd", "ps -o args= -p $$; exit 5" if shell != "fish" else "echo $version")

    expected = rb"\d+\.\d+" if shell == "fish" else shell.encode() + rb" -c "
    assert re.search(expected, shown.stdout)


@sshd
def test_a_noisy_login_prints_before_the_command_and_takes_no_stdin(farm: SSHFarm) -> None:
    farm.add("noisy", noise="Welcome to noisy!\n")

    assert farm.ssh("noisy", "cat", data=b"data").stdout == b"Welcome to noisy!\ndata"


@sshd
def test_sftp_works_with_and_without_a_noisy_login(farm: SSHFarm, tmp_path: Path) -> None:
    host, _ = farm.add("plain"), farm.add("shelled", shell="/bin/sh")
    (host.home / "a.txt").write_text("a")

    for name, source in (("plain", "a.txt"), ("shelled", str(host.home / "a.txt"))):
        target = tmp_path / name
        argv = ["scp", "-q", "-F", str(farm.config), f"{name}:{source}", str(target)]
        subprocess.run(argv, check=True, capture_output=True)
        assert target.read_text() == "a"


@sshd
def test_many_hosts_share_few_sshd_but_no_home_and_no_address(farm: SSHFarm) -> None:
    hosts = farm.add_many("node", 20)

    answers = [farm.ssh(host.name, "echo $HOME").stdout.decode().strip() for host in hosts[14:18]]

    assert answers == [str(host.home) for host in hosts[14:18]]
    assert len({host.address for host in hosts}) == 20
    assert len({id(host.sshd) for host in hosts}) == 2


@sshd
def test_connections_are_counted_by_address(farm: SSHFarm) -> None:
    first, second = farm.add_many("node", 2)

    farm.ssh(first.name, "true")
    farm.ssh(first.name, "true")

    assert (first.connections(), second.connections()) == (2, 0)


@sshd
def test_a_jump_goes_through_the_bastion(farm: SSHFarm) -> None:
    bastion = farm.add("gw1")
    farm.add("inner", jump="gw1")

    # The inner ssh to the bastion takes the options from the config file only.
    done = farm.ssh("inner", "echo inside")

    assert done.stdout == b"inside\n"
    assert bastion.connections() == 1


# --- host keys -------------------------------------------------------------------------------


@sshd
@pytest.mark.parametrize("known", [False, "wrong"])
def test_a_host_with_an_unknown_or_wrong_key_is_refused_by_ssh(
    farm: SSHFarm, known: bool | str
) -> None:
    farm.add("strange", known=known)  # type: ignore[arg-type]

    done = farm.ssh("strange", "true")

    assert done.returncode == 255
    assert b"Host key verification failed" in done.stderr


@sshd
def test_a_rotated_key_is_refused_until_known(farm: SSHFarm) -> None:
    host = farm.add("gpu01", client_options=["HostKeyAlias gpu01"])
    farm.know("gpu01", host.public_key)
    assert farm.ssh("gpu01", "true").returncode == 0

    host.rotate_host_key()
    refused = farm.ssh("gpu01", "true").returncode
    farm.know("gpu01", host.public_key)

    assert (refused, farm.ssh("gpu01", "true").returncode) == (255, 0)


# --- hosts that break ------------------------------------------------------------------------


@sshd
def test_killed_sessions_break_a_running_ssh_and_the_host_goes_on(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    ssh = start_counting(farm, "gpu01")

    killed = host.kill_sessions()

    assert killed
    assert ssh.wait(20) == 255
    wait_until(lambda: not host.session_pids())
    assert farm.ssh("gpu01", "echo back").stdout == b"back\n"


@sshd
def test_killing_the_sessions_of_one_host_spares_its_neighbour_on_the_same_sshd(
    farm: SSHFarm,
) -> None:
    first, second = farm.add_many("node", 2)
    running = start_counting(farm, second.name)

    assert first.kill_sessions() == []
    assert second.session_pids()
    assert running.poll() is None
    running.kill()
    running.wait()


@sshd
def test_a_paused_host_is_silent_and_a_resumed_one_answers(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    host.pause()
    with socket.create_connection((host.address, host.port), 5) as waiting:
        waiting.settimeout(0.2)
        with pytest.raises(TimeoutError):
            waiting.recv(1)

        host.resume()
        waiting.settimeout(20)
        assert waiting.recv(4) == b"SSH-"


@sshd
def test_a_stopped_host_is_refused_and_a_started_one_answers_on_its_old_port(
    farm: SSHFarm,
) -> None:
    host = farm.add("gpu01")
    port = host.port

    host.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host.address, port), 5)

    host.start()
    assert farm.ssh("gpu01", "echo back").stdout == b"back\n"


@sshd
def test_a_paused_farm_can_be_closed(farm: SSHFarm) -> None:
    host = farm.add("gpu01")
    host.pause()

    farm.close()

    assert not host.session_pids()


@sshd
def test_refused_silent_and_http_entries_are_what_they_say(farm: SSHFarm) -> None:
    farm.add_refused("down")
    farm.add_silent("hung")
    farm.add_http("web")

    refused = farm.ssh("down", "true")
    web = farm.ssh("web", "true")
    hung = subprocess.run(
        ["ssh", "-F", str(farm.config), "-o", "ConnectTimeout=1", "hung", "true"],
        capture_output=True,
        check=False,
    )

    assert b"Connection refused" in refused.stderr
    assert re.search(rb"(banner|identification|Invalid|closed)", web.stderr)
    assert b"timed out" in hung.stderr
    assert {refused.returncode, web.returncode, hung.returncode} == {255}


@sshd
def test_a_slow_host_answers_after_its_delay(farm: SSHFarm) -> None:
    farm.add_slow("slow", 0.3)

    assert farm.ssh("slow", "echo late").stdout == b"late\n"


@sshd
def test_a_host_that_cannot_start_says_why(farm: SSHFarm) -> None:
    with pytest.raises(RuntimeError, match="NoSuchOption"):
        farm.add("broken", options=["NoSuchOption yes"])


@sshd
def test_options_of_a_host_win_over_those_of_the_farm(farm: SSHFarm) -> None:
    farm.add("locked", options=["AuthorizedKeysFile none"])

    done = farm.ssh("locked", "true")

    assert b"Permission denied" in done.stderr


# --- nothing is left -------------------------------------------------------------------------


@sshd
def test_what_a_host_leaves_running_is_found_and_killed_at_the_end(farm: SSHFarm) -> None:
    farm.add("gpu01")
    started = farm.ssh("gpu01", "setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $!")
    pid = int(started.stdout)

    found = [leftover.pid for leftover in farm.leftovers()]
    killed = [leftover.pid for leftover in farm.close()]

    assert pid in found
    assert pid in killed
    assert not is_alive(pid)


@sshd
def test_a_command_on_a_live_connection_is_not_a_leftover(farm: SSHFarm) -> None:
    farm.add("gpu01")
    ssh = start_counting(farm, "gpu01")

    # The ssh client names the farm in its arguments; the command on the host is the connection's.
    assert [leftover.pid for leftover in farm.leftovers()] == [ssh.pid]
    ssh.kill()
    ssh.wait()


def test_every_test_has_an_empty_home_of_its_own(isolated_home: Path) -> None:
    assert Path.home() == isolated_home
    assert list(isolated_home.iterdir()) == []
    assert "SSH_AUTH_SOCK" not in os.environ


@sshd
def test_a_program_started_with_the_farms_environment_sees_the_farms_config(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")
    look = "import pathlib; print(pathlib.Path('~/.ssh/config').expanduser().read_text())"

    shown = subprocess.run(
        [sys.executable, "-c", look], env=farm.env(), capture_output=True, text=True, check=True
    )

    assert "Host gpu01" in shown.stdout


# --- odd servers -----------------------------------------------------------------------------


async def run_on(server: evil.OddServer, **options: object) -> asyncssh.SSHCompletedProcess:
    """Run a command by asyncssh on an odd server."""
    connection = await asyncssh.connect(
        server.address,
        server.port,
        config=None,
        known_hosts=([asyncssh.import_public_key(server.public_key)], [], []),
        username="me",
        client_keys=None,
        **options,
    )
    async with connection:
        return await connection.run("hi", encoding=None)


async def test_a_password_server_takes_its_password_and_remembers_the_tries() -> None:
    async with evil.password_only("secret") as server:
        with pytest.raises(asyncssh.PermissionDenied):
            await run_on(server)
        done = await run_on(server, password="secret")

    assert done.stdout == b"hi\n"
    assert "password secret" in server.seen


async def test_a_keyboard_interactive_server_asks_its_questions() -> None:
    class Client(asyncssh.SSHClient):
        def kbdint_auth_requested(self) -> str:
            return ""

        def kbdint_challenge_received(self, *challenge: object) -> list[str]:
            return ["123456"]

    async with evil.keyboard_interactive(("Code: ",), ("123456",)) as server:
        done = await run_on(server, client_factory=Client)

    assert done.stdout == b"hi\n"
    assert "answer 123456" in server.seen


async def test_a_server_that_disconnects_gives_its_reason() -> None:
    async with evil.disconnects("go \x1b]0;away\x07") as server:
        with pytest.raises(asyncssh.DisconnectError, match="go"):
            await run_on(server)


async def test_a_banner_arrives_with_its_escapes() -> None:
    banners: list[str] = []

    class Client(asyncssh.SSHClient):
        def auth_banner_received(self, msg: str, lang: str) -> None:
            banners.append(msg)

    async with evil.shows_banner("\x1b]52;c;ZXZpbA==\x07") as server:
        await run_on(server, client_factory=Client)

    assert banners == ["\x1b]52;c;ZXZpbA==\x07"]


async def test_a_server_that_refuses_sessions_lets_everyone_in_first() -> None:
    async with evil.refuses_sessions() as server:
        with pytest.raises(asyncssh.ChannelOpenError):
            await run_on(server)

    assert server.seen == ["connection", "session"]


@pytest.mark.parametrize(
    ("peer", "first"),
    [
        (evil.old_version, b"SSH-1.5"),
        (evil.escapes_in_version, b"\x1b]0;"),
        (lambda: evil.tcp_peer(evil.hangs_up), b""),
    ],
)
def test_a_raw_peer_says_exactly_what_it_is_told(peer: Callable[..., object], first: bytes) -> None:
    with peer() as server:  # type: ignore[attr-defined]
        with socket.create_connection((server.address, server.port), 5) as client:
            client.shutdown(socket.SHUT_WR)
            received = b"".join(iter(lambda: client.recv(4096), b""))

    assert received.startswith(first)


# --- namespaces ------------------------------------------------------------------------------


@pytest.mark.netns
@sshd
def test_a_cut_link_swallows_packets_until_it_is_healed(farm: SSHFarm, netns: NetnsLab) -> None:
    host = netns.add("node1")
    netns.add("node2")
    assert farm.ssh("node1", "echo up").stdout == b"up\n"

    netns.cut("node1")
    with pytest.raises(OSError, match=r"timed out|No route"):
        socket.create_connection((host.address, host.port), 0.3)
    assert farm.ssh("node2", "echo neighbour").stdout == b"neighbour\n"

    netns.heal("node1")
    assert farm.ssh("node1", "echo back").stdout == b"back\n"


@pytest.mark.netns
@sshd
def test_a_namespace_has_ports_of_its_own(farm: SSHFarm, netns: NetnsLab) -> None:
    netns.add("node1")
    with socket.create_server(("127.0.0.1", 0)) as mine:
        port = mine.getsockname()[1]
        probe = f"python3 -c 'import socket; socket.create_server((\"127.0.0.1\", {port}))'"
        assert farm.ssh("node1", probe).returncode == 0


# --- the terminal ----------------------------------------------------------------------------


@pytest.mark.tmux
def test_a_terminal_shows_what_the_program_prints_and_takes_keys(
    tmux_factory: Callable[..., Tmux],
) -> None:
    terminal = tmux_factory((40, 10))
    terminal.start("echo ready; read line; echo you said $line; exit 3")

    terminal.wait_for("ready")
    terminal.type("hello; there")
    terminal.send("Enter")

    assert "you said hello; there" in terminal.wait_for("you said")
    assert terminal.wait_exit() == 3


@pytest.mark.tmux
def test_a_terminal_can_be_resized_and_recorded(
    tmux_factory: Callable[..., Tmux], tmp_path: Path
) -> None:
    terminal = tmux_factory((80, 24))
    raw = tmp_path / "raw"
    terminal.start("echo ready; while read line; do stty size; printf '\\033]0;title\\007'; done")
    terminal.wait_for("ready")
    terminal.record(raw)

    terminal.resize(50, 12)
    terminal.send("Enter")

    terminal.wait_for("12 50")
    assert len(terminal.screen()) <= 12
    terminal.send("Enter")
    terminal.wait_for(re.compile(r"12 50(.|\n)*12 50"))
    assert b"\x1b]0;title\x07" in raw.read_bytes()


@pytest.mark.tmux
def test_a_terminal_has_the_environment_it_is_given_and_no_other(
    tmux_factory: Callable[..., Tmux], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAKED", "yes")
    terminal = tmux_factory((80, 24), env={"GIVEN": "yes"})

    terminal.start("echo given=$GIVEN leaked=$LEAKED.; cat")

    terminal.wait_for("given=yes leaked=.")


@pytest.mark.tmux
def test_a_stopped_terminal_leaves_no_process(tmux_factory: Callable[..., Tmux]) -> None:
    terminal = tmux_factory()
    terminal.start("trap '' HUP; echo ready; while :; do sleep 1; done")
    terminal.wait_for("ready")
    pid = terminal.pid

    terminal.stop()

    assert not is_alive(pid)


def test_a_killed_process_is_not_alive_even_while_its_parent_has_not_looked() -> None:
    child = subprocess.Popen(["sleep", "600"])

    os.kill(child.pid, signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert not is_alive(child.pid)
    child.wait()
