"""The pump on real terminals: what gets through, and how the terminal is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.door.ptys import OnPty
from tests.door.serving import serving


def on_pty(*words: str, size: tuple[int, int] = (80, 24), **env: str) -> OnPty:
    return OnPty(words or ("attach",), {**os.environ, **env}, size)


async def test_keys_go_in_and_the_screen_comes_out_byte_for_byte() -> None:
    async with serving(), on_pty(size=(97, 31)) as terminal:
        await terminal.wait_for(b"hello 97x31;")
        terminal.type(b"\x03\x1a\x1b[A\xff\x00")

        await terminal.wait_for(b"got 031a1b5b41ff00;")


async def test_a_new_size_is_told() -> None:
    async with serving(), on_pty() as terminal:
        await terminal.wait_for(b"hello 80x24;")

        for size in ((1, 1), (200, 50), (10_000, 10_000), (81, 25)):
            terminal.resize(*size)

        await terminal.wait_for(b"size 81x25;")


async def test_leaving_restores_the_terminal_and_gives_the_status_and_the_last_word() -> None:
    async with serving(), on_pty() as terminal:
        await terminal.wait_for(b"hello")
        assert terminal.modes() != terminal.before
        terminal.type(b"q")

        assert await terminal.wait_exit() == 7

        assert terminal.modes() == terminal.before
        assert (await terminal.wait_for(b"left")).endswith(b"\x1b[?1049llazytui: left\r\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
async def test_a_signal_ends_the_pump_and_restores_the_terminal(number: signal.Signals) -> None:
    async with serving(), on_pty() as terminal:
        await terminal.wait_for(b"hello")
        terminal.process.send_signal(number)

        assert await terminal.wait_exit() == 128 + number

        assert terminal.modes() == terminal.before
        await terminal.wait_for(b"\x1b[<u\x1b[?1006l\x1b[?1000l\x1b[?25h\x1b[?1049l")


async def test_the_end_of_the_engine_restores_the_terminal_and_is_told() -> None:
    engine = serving()
    await engine.__aenter__()
    async with on_pty() as terminal:
        await terminal.wait_for(b"hello")
        await engine.__aexit__(None, None, None)

        assert await terminal.wait_exit() == 1

        assert terminal.modes() == terminal.before
        await terminal.wait_for(b"\x1b[?1049l")
        await terminal.wait_for(b"lazytui: the engine was stopped; jobs go on at their hosts")


async def test_a_handler_that_fails_ends_its_own_terminal_only() -> None:
    async with serving(), on_pty() as first, on_pty() as second:
        await first.wait_for(b"hello")
        await second.wait_for(b"hello")
        first.type(b"x")

        assert await first.wait_exit() == 1
        await first.wait_for(b"ended with an error: RuntimeError('crashed')")
        second.type(b"a")
        await second.wait_for(b"got 61;")


async def test_a_closed_terminal_ends_the_pump_and_is_told_to_the_engine() -> None:
    async with serving() as served:
        terminal = on_pty()
        async with terminal:
            await terminal.wait_for(b"hello")
            assert not served.server.nobody.is_set()
            terminal.hang_up()

            await terminal.wait_exit()
            await served.server.nobody.wait()


async def test_a_killed_pump_is_a_terminal_that_has_gone() -> None:
    async with serving() as served, on_pty() as terminal:
        await terminal.wait_for(b"hello")
        terminal.process.kill()

        await served.server.nobody.wait()


async def test_a_stopped_pump_gives_the_terminal_back_and_takes_it_again() -> None:
    async with serving(), on_pty() as terminal:
        await terminal.wait_for(b"hello")
        terminal.process.send_signal(signal.SIGTSTP)
        await terminal.wait_for(b"\x1b[?1049l")
        pid, status = os.waitpid(terminal.process.pid, os.WUNTRACED)
        assert (pid, os.WIFSTOPPED(status)) == (terminal.process.pid, True)
        assert terminal.modes() == terminal.before
        terminal.resize(90, 30, tell=False)

        terminal.process.send_signal(signal.SIGCONT)

        await terminal.wait_for(b"\x1b[?1049h\x1b[?25l\x1b[?1000h\x1b[?1006h\x1b[>1u")
        await terminal.wait_for(b"size 90x30;")
        terminal.type(b"q")
        assert await terminal.wait_exit() == 7
        assert terminal.modes() == terminal.before


async def test_the_engine_may_stop_the_pump_and_the_shells_fg_brings_it_back() -> None:
    shell = ("bash", "--norc", "--noprofile", "-i")
    environ = {**os.environ, "PS1": "shell-$((40+2))> "}
    async with serving(), OnPty((), environ, program=shell) as terminal:
        await terminal.wait_for(b"shell-42> ")
        terminal.type(f"{sys.executable} -m lazytui attach\n".encode())
        await terminal.wait_for(b"hello")
        terminal.type(b"z")
        await terminal.wait_for(b"\x1b[?1049l")
        await terminal.wait_for(b"Stopped")

        terminal.seen = b""
        terminal.type(b"echo $((1+1))-here\nfg\n")
        await terminal.wait_for(b"2-here")
        await terminal.wait_for(b"\x1b[?1049h\x1b[?25l\x1b[?1000h\x1b[?1006h\x1b[>1u")
        await terminal.wait_for(b"size 80x24;")
        terminal.type(b"a")
        await terminal.wait_for(b"got 61;")
        terminal.type(b"q")
        await terminal.wait_for(b"left")
        terminal.type(b"exit\n")
        assert await terminal.wait_exit() == 7


@pytest.mark.parametrize(
    ("line", "can"),
    [
        ("{}", "True"),
        ("sh -c '{}; true'", "True"),
        ("set +m; {}", "False"),
        ("exec {}", "False"),
    ],
    ids=["by a shell", "by a script of a shell", "without job control", "alone on its terminal"],
)
async def test_it_is_known_whether_a_shell_would_take_the_pump_up_again(
    line: str, can: str
) -> None:
    asking = f'{sys.executable} -c "import lazytui.pump.jobs as j; print(j.can_stop(), 6*7)"'
    shell = ("bash", "--norc", "--noprofile", "-i")
    async with OnPty((), os.environ, program=shell) as terminal:
        terminal.type(line.format(asking).encode() + b"\n")
        seen = await terminal.wait_for(b" 42")

    assert f"{can} 42".encode() in seen


async def test_a_terminal_that_does_not_read_stalls_neither_the_engine_nor_other_terminals() -> (
    None
):
    async with serving(), on_pty() as slow, on_pty() as other:
        await slow.wait_for(b"hello")
        await other.wait_for(b"hello")
        slow.stop_reading()
        slow.type(b"f")

        other.type(b"a")
        await other.wait_for(b"got 61;")
        slow.read_again()
        await slow.wait_for(b"drained;")


async def test_a_terminal_that_does_not_read_can_still_be_left_by_a_signal() -> None:
    async with serving(), on_pty() as slow:
        await slow.wait_for(b"hello")
        slow.stop_reading()
        slow.type(b"f")
        slow.process.send_signal(signal.SIGTERM)

        assert await slow.wait_exit() == 143
        assert slow.modes() == slow.before


async def test_another_version_is_told_plainly_and_may_be_restarted() -> None:
    async with serving(version="0.0.1"), on_pty() as terminal:
        await terminal.wait_for(b"is lazytui 0.0.1; this is")
        await terminal.wait_for(b"[y/N] ")
        terminal.type(b"\n")

        assert await terminal.wait_exit() == 1
        await terminal.wait_for(b"`lazytui stop-engine` ends it, and jobs go on")


async def test_the_ssh_agent_of_the_newest_terminal_is_asked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", "/engine")
    async with serving() as served:
        async with on_pty(SSH_AUTH_SOCK="/first") as first:
            await first.wait_for(b"hello")
            async with on_pty(SSH_AUTH_SOCK="/second") as second, on_pty(SSH_AUTH_SOCK="") as third:
                await second.wait_for(b"hello")
                await third.wait_for(b"hello")
                assert os.environ["SSH_AUTH_SOCK"] == "/second"
                second.type(b"q")
                await second.wait_exit()
            assert os.environ["SSH_AUTH_SOCK"] == "/first"
        await served.server.nobody.wait()
        assert os.environ["SSH_AUTH_SOCK"] == "/first"


async def test_a_socket_that_is_open_to_others_is_refused() -> None:
    async with serving() as served, on_pty() as _:
        os.chmod(served.meeting.socket, 0o666)

        async with on_pty() as terminal:
            assert await terminal.wait_exit() == 1
            await terminal.wait_for(b"is open to others; run: chmod 600")


async def test_a_long_state_folder_has_its_socket_in_a_short_private_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / ("deep" * 30)))

    async with serving() as served, on_pty() as terminal:
        await terminal.wait_for(b"hello")

        assert served.meeting.is_short
        folder = Path(served.meeting.socket).parent
        assert folder.parent == Path("/tmp")
        assert folder.stat().st_mode & 0o777 == 0o700
        assert Path(served.meeting.socket).stat().st_mode & 0o777 == 0o600


def test_what_the_pump_imports_is_little() -> None:
    heavy = "asyncio asyncssh textual pydantic argparse typing pathlib dataclasses inspect hashlib"
    script = (
        "import sys; before = set(sys.modules)\n"
        "import lazytui.cli, lazytui.pump.attach, lazytui.pump.relay, lazytui.pump.terminal\n"
        "import lazytui.rendezvous\n"
        f"print(*sorted(set({heavy.split()}) & (set(sys.modules) - before)))"
    )
    done = subprocess.run(
        [sys.executable, "-S", "-c", script],
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.split() == []
