"""Shells on hosts and programs on the manager: bytes, a size, and an end."""

from __future__ import annotations

import asyncio
import os
import re
from typing import TYPE_CHECKING

import pytest

from lazytui.core.local_program import editor, environ_for, pager, start_program
from lazytui.core.passthrough import BACKLOG_BYTES, Passthrough
from lazytui.errors import ConnectError, ConnectionLostError, LazytuiError
from lazytui.program import Ended
from tests.engines import engine_on

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from lazytui.core.engine import Engine
    from lazytui.program import Program
    from tests.sshd import SSHFarm


class Screen:
    """A terminal that keeps what is written to it; with ``full`` it takes nothing for now."""

    def __init__(self) -> None:
        self.shown = bytearray()
        self.full = False
        self._queued = 0
        self._came = asyncio.Event()

    @property
    def backlog(self) -> int:
        return self._queued

    def write(self, data: bytes) -> None:
        self.shown += data
        self._queued = self._queued + len(data) if self.full else 0
        self._came.set()

    def empty(self) -> None:
        self.full = False
        self._queued = 0

    async def shows(self, pattern: bytes) -> re.Match[bytes]:
        """Wait until it shows something; gives the match."""
        try:
            async with asyncio.timeout(20):
                while not (found := re.search(pattern, self.shown)):
                    self._came.clear()
                    await self._came.wait()
        except TimeoutError:
            raise AssertionError(f"{pattern!r} is not in {bytes(self.shown[-2000:])!r}") from None
        return found


class Session:
    """A program on a screen."""

    def __init__(self, program: Program) -> None:
        self.screen = Screen()
        self.passthrough = Passthrough(self.screen, program)
        self.over = asyncio.ensure_future(self.passthrough.run())

    def type(self, text: bytes) -> None:
        self.passthrough.received(text)

    async def shows(self, pattern: bytes) -> re.Match[bytes]:
        return await self.screen.shows(pattern)

    async def end(self) -> Ended:
        async with asyncio.timeout(8):
            return await self.over


@pytest.fixture
async def engine(farm: SSHFarm) -> AsyncIterator[Engine]:
    farm.add("gpu01")
    async with engine_on(farm) as engine:
        yield engine


async def shell(engine: Engine, size: tuple[int, int] = (80, 24)) -> Session:
    session = Session(await engine.open_shell("gpu01", term="xterm-256color", size=size))
    await session.shows(rb"[#$] \Z")  # what is typed before that, bash may lose
    session.type(b"PS1='prompt-$((6*7))>'\r")
    await session.shows(rb"prompt-42>")
    session.screen.shown.clear()
    return session


async def ended(session: Session, status: int = 0) -> None:
    session.type(b"exit %d\r" % status)
    assert await session.end() == Ended(status)


async def test_a_shell_knows_the_terminal_and_its_size_also_when_that_changes(
    engine: Engine,
) -> None:
    session = await shell(engine, size=(101, 31))

    session.type(b"echo $TERM; stty size; tty\r")
    await session.shows(rb"xterm-256color\r\n31 101\r\n/dev/pts/\d+")
    session.passthrough.resized(55, 12)
    session.type(b"stty size\r")
    await session.shows(rb"12 55\r")

    await ended(session, 7)


async def test_a_size_that_no_terminal_has_is_made_one_that_it_can_have(engine: Engine) -> None:
    session = await shell(engine)

    session.passthrough.resized(1_000_000, -1)
    session.type(b"stty size\r")

    await session.shows(rb"1 10000\r")
    await ended(session)


async def test_bytes_pass_as_they_are_in_both_directions(engine: Engine) -> None:
    session = await shell(engine)
    every = bytes(range(256))

    session.type(b"stty raw; head -c 256 | od -An -v -tx1 -w256; printf '\\377\\000\\033[A'\r")
    await asyncio.sleep(0.2)  # od is to read it, not the shell
    session.type(every)

    await session.shows(re.escape(every.hex(" ").encode()))
    await session.shows(rb"\xff\x00\x1b\[A")
    session.type(b"stty sane\n")
    session.type(b"exit\n")
    await session.end()


async def test_ctrl_c_interrupts_what_runs_in_the_shell_and_not_the_shell(engine: Engine) -> None:
    session = await shell(engine)

    session.type(b"sh -c 'echo on-$((1+1)); exec sleep 60'\r")
    await session.shows(rb"on-2")
    session.type(b"\x03")
    await session.shows(rb"prompt-42>")
    session.type(b"echo still-$((1+1))\r")

    await session.shows(rb"still-2")
    await ended(session)


async def test_a_shell_that_dies_leaves_the_terminal_in_order(engine: Engine) -> None:
    session = await shell(engine)

    session.type(
        b"printf '\\033[?1049h\\033[?1000h\\033[?25l\\033[>1u\\033]0;unfinished'; kill -9 $$\r"
    )
    end = await session.end()

    assert end.status is None
    assert end.why == "ended by signal KILL"
    rest = bytes(session.screen.shown).rpartition(b"unfinished")[2]
    assert rest.index(b"\x1b\\") < rest.index(b"\x1b[m")
    for wanted in (b"\x1b[?25h", b"\x1b[?1000l", b"\x1b[?1049l", b"\x1b[<u"):
        assert wanted in rest


async def test_a_connection_that_breaks_ends_the_shell_in_words(
    engine: Engine, farm: SSHFarm
) -> None:
    session = await shell(engine)

    farm.hosts["gpu01"].kill_sessions()

    assert await session.end() == Ended(None, "connection lost")


async def test_what_has_no_room_on_the_terminal_waits_on_the_host(engine: Engine) -> None:
    session = await shell(engine)
    session.screen.full = True

    session.type(b"head -c 20000000 /dev/zero | tr '\\0' x; echo; echo end-$((1+1))\r")
    async with asyncio.timeout(8):
        while session.screen.backlog <= BACKLOG_BYTES:
            await asyncio.sleep(0.01)
    await engine.runtime("gpu01").agent.request("ping")  # type: ignore[union-attr]
    held = len(session.screen.shown)
    session.screen.empty()
    session.passthrough.drained()

    await session.shows(rb"end-2")
    assert held < 4_000_000
    assert len(session.screen.shown) > 20_000_000
    await ended(session)


async def test_a_host_without_a_free_session_says_so(farm: SSHFarm) -> None:
    farm.add("gpu01", options=["MaxSessions 1"])
    async with engine_on(farm) as engine:
        with pytest.raises(ConnectionLostError, match=r"gpu01: .*MaxSessions"):
            await engine.open_shell("gpu01", term="xterm", size=(80, 24))


async def test_a_host_that_gives_no_terminal_says_so(farm: SSHFarm) -> None:
    farm.add("gpu01", options=["PermitTTY no"])
    async with engine_on(farm) as engine:
        with pytest.raises(ConnectionLostError, match="gives no terminal"):
            await engine.open_shell("gpu01", term="xterm", size=(80, 24))


async def test_a_host_that_is_down_says_why(farm: SSHFarm) -> None:
    farm.add_refused("dead")
    async with engine_on(farm) as engine:
        with pytest.raises(ConnectError, match="refused"):
            await engine.open_shell("dead", term="xterm", size=(80, 24))


async def test_shells_are_noted_among_the_events(engine: Engine) -> None:
    await ended(await shell(engine))

    (line,) = await engine.audit(1)
    assert (str(line.what), line.where) == ("shell opened", "gpu01")


# --- programs on the manager ------------------------------------------------------------------


async def local(script: str, **options: object) -> Session:
    environ = environ_for({"PATH": os.environ["PATH"], "TERM": "xterm"})
    words = ["/bin/sh", "-c", script]
    return Session(await start_program(words, size=(61, 17), environ=environ, **options))  # type: ignore[arg-type]


async def test_a_program_on_the_manager_has_a_terminal_of_its_own(tmp_path: Path) -> None:
    session = await local(
        "pwd; stty size; read x </dev/tty; echo got $x; exit 3", cwd=str(tmp_path)
    )

    await session.shows(re.escape(str(tmp_path).encode()) + rb"\r\n17 61\r\n")
    session.type(b"\xc3\xa4\r")

    assert await session.end() == Ended(3)
    assert b"got \xc3\xa4\r\n" in session.screen.shown


async def test_all_that_a_program_printed_last_is_shown() -> None:
    session = await local("seq 3000; echo the-end")

    assert await session.end() == Ended(0)
    assert b"3000\r\nthe-end\r\n" in session.screen.shown


async def test_a_program_learns_of_another_size_and_of_the_end_of_its_terminal() -> None:
    session = await local("trap 'stty size' WINCH; echo on; while :; do sleep 0.05; done")
    await session.shows(rb"on\r\n")

    session.passthrough.resized(99, 33)
    await session.shows(rb"33 99\r\n")
    session.passthrough.closed()

    assert await session.end() == Ended(None, "ended by signal SIGHUP")


async def test_a_program_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(LazytuiError, match=r"\$EDITOR is no-such-editor, and there is no such"):
        editor({"EDITOR": "no-such-editor -w", "PATH": os.environ["PATH"]})
    with pytest.raises(LazytuiError, match=r"none of .* is on the PATH: set [$]PAGER"):
        pager({"PATH": str(tmp_path)})
    with pytest.raises(LazytuiError, match="there is no program gone"):
        await start_program(["gone"], size=(80, 24), environ={"PATH": str(tmp_path)})


def test_the_editor_is_the_users_choice_with_its_arguments() -> None:
    path = os.environ["PATH"]

    assert editor({"EDITOR": "cat", "VISUAL": "env -i 'a b'", "PATH": path}) == ["env", "-i", "a b"]
    assert pager({"PAGER": "cat", "PATH": path}) == ["cat"]


def test_what_belongs_to_a_terminal_is_the_clients(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMUX", "of the engine")
    monkeypatch.setenv("LC_ALL", "of the engine")
    monkeypatch.setenv("OWN", "kept")

    made = environ_for({"TERM": "vt100"})

    assert (made["TERM"], made["OWN"]) == ("vt100", "kept")
    assert "TMUX" not in made
    assert "LC_ALL" not in made
