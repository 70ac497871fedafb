"""The engine as a process, the terminal as a pipe: real terminals, real sshd, a real engine."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from lazytui.core.journal import read_journal
from lazytui.core.paths import Paths
from lazytui.rendezvous import Rendezvous, meeting_point
from tests.disks import fill, small_disk
from tests.door.ptys import OnPty
from tests.engines import environment, lazytui
from tests.leftovers import engine_pids, is_alive

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sshd import SSHFarm
    from tests.tmux import Tmux

pytestmark = [pytest.mark.sshd]

UP = b"gpu01"


def meeting_of(farm: SSHFarm) -> Rendezvous:
    return meeting_point(environ=farm.env())


def on_pty(farm: SSHFarm, *words: str, **env: str) -> OnPty:
    return OnPty(words, environment(farm, **env))


async def gone(pid: int) -> None:
    """Wait until a process that is nobody's child here has ended."""
    with open_pidfd(pid) as ended:
        async with asyncio.timeout(30):
            await ended.wait()


class open_pidfd:
    """Tells the end of any process."""

    def __init__(self, pid: int) -> None:
        self._ended = asyncio.Event()
        try:
            self._number = os.pidfd_open(pid)
        except ProcessLookupError:
            self._number = -1
            self._ended.set()

    def __enter__(self) -> asyncio.Event:
        if self._number >= 0:
            asyncio.get_running_loop().add_reader(self._number, self._ended.set)
        return self._ended

    def __exit__(self, *exc: object) -> None:
        if self._number >= 0:
            asyncio.get_running_loop().remove_reader(self._number)
            os.close(self._number)


async def leave(terminal: OnPty) -> None:
    terminal.type(b"\x11")
    assert await terminal.wait_exit() == 0


async def test_the_engine_goes_on_when_its_terminal_goes_and_the_next_finds_it(
    farm: SSHFarm,
) -> None:
    farm.add("gpu01")

    async with on_pty(farm) as first:
        await first.wait_for(UP)
        (engine,) = engine_pids(farm.home)
        first.hang_up()
        await first.wait_exit()
    async with on_pty(farm) as killed:
        await killed.wait_for(UP)
        killed.process.kill()
    async with on_pty(farm, "attach") as last:
        await last.wait_for(UP)
        assert engine_pids(farm.home) == [engine]
        assert last.modes() != last.before
        await leave(last)
        assert last.modes() == last.before

    assert is_alive(engine)


async def test_two_starts_at_the_same_instant_give_one_engine(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with on_pty(farm) as one, on_pty(farm) as two, on_pty(farm) as three:
        for terminal in (one, two, three):
            await terminal.wait_for(UP)

        assert len(engine_pids(farm.home)) == 1
        log = Paths.of_user(farm.env()).log_file.read_text()
        assert log.count(" serves ") == 1
        assert "ERROR" not in log


async def test_an_engine_that_nobody_needs_ends_by_itself(farm: SSHFarm) -> None:
    farm.add("gpu01")

    async with on_pty(farm, LAZYTUI_ENGINE_LINGER_S="0.1") as terminal:
        await terminal.wait_for(UP)
        (engine,) = engine_pids(farm.home)
        await leave(terminal)
        await gone(engine)

    meeting = meeting_of(farm)
    assert not Path(meeting.socket).exists()
    log = Paths.of_user(farm.env()).log_file.read_text()
    assert "the engine ends" in log
    assert "ERROR" not in log


async def test_an_engine_stays_for_a_run_until_that_has_ended(farm: SSHFarm) -> None:
    farm.add("gpu01")
    go = farm.root / "go"

    async with on_pty(farm, LAZYTUI_ENGINE_LINGER_S="0.1") as terminal:
        await terminal.wait_for(UP)
        (engine,) = engine_pids(farm.home)
        await terminal.wait_for("●".encode())
        terminal.type(b"r")
        await terminal.wait_for(b"Run on")
        terminal.type(f"echo $((6*7))sum; while [ ! -e {go} ]; do sleep 0.05; done\r".encode())
        await terminal.wait_for(b"42sum")
        await leave(terminal)

        # It is asked something that takes longer than its patience: the run is what it stays for.
        tasks = await asyncio.to_thread(lazytui, farm, "tasks")
        assert b"running" in tasks.stdout
        assert is_alive(engine)
        go.touch()
        await gone(engine)

    paths = Paths.of_user(farm.env())
    with read_journal(paths.journal, paths.spool_dir) as journal:
        assert journal is not None
        assert [record.state for record in journal.records()] == ["succeeded"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
async def test_the_end_of_the_engine_gives_the_terminal_back_and_the_next_start_works(
    number: signal.Signals, farm: SSHFarm
) -> None:
    farm.add("gpu01")

    async with on_pty(farm) as terminal:
        await terminal.wait_for(UP)
        (engine,) = engine_pids(farm.home)
        os.kill(engine, number)
        await terminal.wait_exit()
        assert terminal.modes() == terminal.before
        await terminal.wait_for(b"\x1b[?1049l")
        await terminal.wait_for(b"lazytui: the engine ")
        await gone(engine)

    assert Path(meeting_of(farm).socket).exists() is (number == signal.SIGKILL)
    async with on_pty(farm) as again:
        await again.wait_for(UP)
        assert engine_pids(farm.home) != [engine]
        await leave(again)


async def test_stop_engine_waits_for_its_end_and_says_when_there_is_none(farm: SSHFarm) -> None:
    farm.add("gpu01")
    async with on_pty(farm) as terminal:
        await terminal.wait_for(UP)
        (engine,) = engine_pids(farm.home)

        stopped = await asyncio.to_thread(lazytui, farm, "stop-engine")

        assert (stopped.returncode, b"the engine has ended" in stopped.stderr) == (0, True)
        await gone(engine)
        await terminal.wait_exit()
        await terminal.wait_for(b"the engine was stopped")

    none = await asyncio.to_thread(lazytui, farm, "stop-engine")
    assert (none.returncode, none.stderr) == (0, b"lazytui: no engine runs\n")


async def test_another_ssh_config_has_an_engine_of_its_own(farm: SSHFarm) -> None:
    farm.add("gpu01")
    other = farm.home / "other"
    other.write_text("Host elsewhere\n  HostName 127.0.0.1\n  Port 1\n")

    async with on_pty(farm) as one, on_pty(farm, "-F", str(other)) as two:
        await one.wait_for(UP)
        await two.wait_for(b"elsewhere")

        assert len(engine_pids(farm.home)) == 2


async def test_a_socket_that_says_what_is_no_greeting_is_sent_away(farm: SSHFarm) -> None:
    farm.add("gpu01")
    async with on_pty(farm) as terminal:
        await terminal.wait_for(UP)
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"H\0\0\0\2{}", b"D\0\0\0\1x", bytes(1000)):
            reader, writer = await asyncio.open_unix_connection(meeting_of(farm).socket)
            writer.write(garbage)
            async with asyncio.timeout(20):
                answer = await reader.read()
            assert answer[:1] in (b"R", b"")
            writer.close()

        await leave(terminal)


async def test_a_socket_of_another_owner_or_mode_is_not_talked_to(farm: SSHFarm) -> None:
    path = Path(meeting_of(farm).socket)
    Paths.of_user(farm.env()).create()
    with socket.socket(socket.AF_UNIX) as impostor:
        impostor.bind(str(path))
        impostor.listen()
        path.chmod(0o660)
        async with on_pty(farm) as terminal:
            assert await terminal.wait_exit() == 1
            await terminal.wait_for(b"open to others; run: chmod 600")
        if os.getuid() == 0:
            path.chmod(0o600)
            os.chown(path, 12345, -1)
            async with on_pty(farm) as terminal:
                assert await terminal.wait_exit() == 1
                await terminal.wait_for(b"belongs to another user (uid 12345); nothing was sent")
        impostor.settimeout(0)
        with pytest.raises(BlockingIOError):
            impostor.accept()


async def test_what_a_killed_engine_left_behind_is_taken_over(farm: SSHFarm) -> None:
    farm.add("gpu01")
    meeting = meeting_of(farm)
    Paths.of_user(farm.env()).create()
    Path(meeting.lock).write_text(f"{os.getpid()}:1:another-boot\n")
    with socket.socket(socket.AF_UNIX) as stale:
        stale.bind(meeting.socket)
    Path(meeting.socket).chmod(0o600)

    async with on_pty(farm) as terminal:
        await terminal.wait_for(UP)

        (engine,) = engine_pids(farm.home)
        assert engine != os.getpid()
        await leave(terminal)


OLD_ENGINE = """\
import sys, lazytui
lazytui.__version__ = "0.0.1"
from lazytui.door import process
sys.exit(process.main())
"""


def start_old_engine(farm: SSHFarm) -> int:
    """Start an engine of a version long gone; gives its pid."""
    told, tell = os.pipe()
    subprocess.run(
        [sys.executable, "-c", OLD_ENGINE, "--tell", str(tell), str(farm.config)],
        env=environment(farm),
        pass_fds=[tell],
        check=True,
    )
    os.close(tell)
    with open(told, "rb") as answer:
        assert answer.read() == b"ready"
    (pid,) = engine_pids(farm.home)
    return pid


async def test_an_upgraded_lazytui_offers_to_restart_the_old_engine(farm: SSHFarm) -> None:
    farm.add("gpu01")
    old = await asyncio.to_thread(start_old_engine, farm)

    async with on_pty(farm) as terminal:
        await terminal.wait_for(f"(pid {old}) is lazytui 0.0.1; this is".encode())
        await terminal.wait_for(b"nothing is lost")
        terminal.type(b"y\n")
        await terminal.wait_for(UP)

        (engine,) = engine_pids(farm.home)
        assert engine != old
        await leave(terminal)


async def test_the_demo_has_an_engine_of_its_own_and_ends_it(
    isolated_home: Path, tmp_path: Path
) -> None:
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    async with OnPty(("demo", "--hosts", "2"), env) as terminal:
        await terminal.wait_for(b"gpu01")
        (home,) = tmp_path.glob("lazytui-demo-*/home")
        (engine,) = engine_pids(home)
        await leave(terminal)

    assert not is_alive(engine)
    assert not home.exists()
    assert not (isolated_home / ".local").exists()


async def test_it_is_entered_through_ssh_lost_and_entered_again(farm: SSHFarm) -> None:
    farm.add("gpu01")
    jumpbox = farm.add("jumpbox", home=farm.home)

    def through_ssh() -> OnPty:
        ssh = ("ssh", "-F", str(farm.config), "-tt", "jumpbox")
        remote = shlex.join(["env", "LANG=C.UTF-8", sys.executable, "-m", "lazytui"])
        return OnPty((remote,), environment(farm), (97, 31), program=ssh)

    async with through_ssh() as first:
        await first.wait_for("●".encode())
        first.resize(60, 20)
        (engine,) = engine_pids(farm.home)
        jumpbox.kill_sessions()
        await first.wait_exit()
    async with through_ssh() as second:
        await second.wait_for("●".encode())
        assert engine_pids(farm.home) == [engine]
        await leave(second)
        assert second.modes() == second.before


def test_a_start_that_fails_is_told_in_plain_words(farm: SSHFarm, tmp_path: Path) -> None:
    def said(**env: str) -> str:
        command = [sys.executable, "-m", "lazytui"]
        script = (
            f"exec {subprocess.list2cmdline(command)} <{os.ttyname(slave)} >{os.ttyname(slave)}"
        )
        done = subprocess.run(
            ["/bin/sh", "-c", script],
            env=environment(farm, **env),
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1, done.stderr
        return done.stderr

    master, slave = os.openpty()
    try:
        (tmp_path / "file").write_text("")
        assert "cannot be used: Not a directory; set XDG_STATE_HOME" in said(
            XDG_STATE_HOME=str(tmp_path / "file")
        )
        open_to_all = tmp_path / "open"
        (open_to_all / "lazytui").mkdir(parents=True)
        (open_to_all / "lazytui").chmod(0o777)
        assert "can be written by others; run: chmod 700" in said(XDG_STATE_HOME=str(open_to_all))
        if os.getuid() == 0:
            (tmp_path / "theirs/lazytui").mkdir(parents=True)
            environ = {"XDG_STATE_HOME": str(tmp_path / "theirs")}
            folder = Path(meeting_point(environ=environ).state_dir)
            folder.mkdir()
            os.chown(folder, 12345, -1)
            assert "belongs to another user (uid 12345)" in said(**environ)
            assert list(folder.iterdir()) == []
        with small_disk(tmp_path / "full", "64k") as disk:
            (disk / "lazytui").mkdir(mode=0o700)
            fill(disk)
            assert "No space left on device" in said(XDG_STATE_HOME=str(disk))
        with small_disk(tmp_path / "locked", "1m") as disk:
            subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
            assert "Read-only file system" in said(XDG_STATE_HOME=str(disk))
    finally:
        os.close(master)
        os.close(slave)


@pytest.mark.tmux
def test_lazytui_lives_like_tmux_on_a_real_host(
    farm: SSHFarm, tmux_factory: Callable[..., Tmux]
) -> None:
    farm.add("gpu01")

    def attached(*words: str) -> Tmux:
        terminal = tmux_factory((80, 24), farm.env())
        terminal.start([sys.executable, "-m", "lazytui", *words])
        terminal.wait_for(re.compile(r"gpu01 +● up"))
        return terminal

    first, second = attached(), attached("attach")
    first.send("r")
    first.wait_for("Run on")
    first.type("sleep 0.2; echo $((6*7))sum")
    first.send("Enter")
    first.wait_for("42sum")
    second.send("2")
    second.wait_for(re.compile(r"sleep 0\.2.*✓ done", re.DOTALL))
    first.stop()  # its window is closed
    second.send("1")
    second.wait_for(re.compile(r"gpu01 +● up"))
    second.send("C-q")
    assert second.wait_exit() == 0
