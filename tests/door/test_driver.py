"""A terminal somewhere else shows the screens, whatever it is and however it behaves."""

from __future__ import annotations

import asyncio
import random
import sys

import pytest

from lazytui.core.model import HostState
from lazytui.door.channel import HIGH_BYTES
from lazytui.door.driver import MOST_COLUMNS, MOST_ROWS, clamped
from lazytui.tui.app import LazytuiApp
from tests.door.terminal import Terminal, attached, served
from tests.tui.fake_engine import lab, metrics, with_runs


@pytest.fixture
def apps(monkeypatch: pytest.MonkeyPatch) -> list[LazytuiApp]:
    """The apps that were made, in order."""
    made: list[LazytuiApp] = []
    mount = LazytuiApp.on_mount

    def remembered(app: LazytuiApp) -> None:
        made.append(app)
        mount(app)

    monkeypatch.setattr(LazytuiApp, "on_mount", remembered)
    return made


async def test_a_terminal_sees_the_screen_and_its_keys_work():
    async with attached(served(lab()), Terminal()) as terminal:
        assert "gpu01" in terminal.text

        terminal.type("2")
        await terminal.until("No tasks yet")

        terminal.type("q")
        await terminal.when(lambda: terminal.ended)
        assert terminal.ended == (0, "")


# What the terminal is told to be


MODES = ["?1049", "?1004", "?2004", "?1000", "?1003", "?1006"]


async def test_what_is_switched_on_is_switched_off_again_in_the_right_order():
    async with attached(served(lab()), Terminal()) as terminal:
        begun = terminal.output.decode()
        for mode in (*MODES, "?2026$p", "?2048$p"):
            assert f"\x1b[{mode}" in begun
        assert begun.index("\x1b[22;0t") < begun.index("\x1b[?1049h") < begun.index("\x1b[>25u")
        terminal.output.clear()

        terminal.type("q")
        await terminal.when(lambda: terminal.ended)

        ended = terminal.output.decode()
        for mode in MODES:
            assert f"\x1b[{mode}l" in ended
        assert "\x1b[?25h" in ended
        assert "\x1b[?7h" in ended
        assert ended.index("\x1b[<u") < ended.index("\x1b[?1049l") < ended.index("\x1b[23;0t")


async def test_without_the_mouse_its_modes_are_left_alone():
    async with attached(served(lab()), Terminal(), "--no-mouse") as terminal:
        assert "\x1b[?1003h" not in terminal.output.decode()


async def test_synchronized_output_is_used_once_the_terminal_says_it_has_it():
    async with attached(served(lab()), Terminal()) as terminal:
        assert b"\x1b[?2026h" not in terminal.output
        terminal.type("\x1b[?2026;2$y", "2")
        await terminal.until("No tasks yet")
        terminal.type("1")
        await terminal.until("gpu01")
        assert b"\x1b[?2026h" in terminal.output


# Sizes


async def test_a_size_is_clamped_to_what_can_be_painted():
    assert clamped((10_000, 10_000)) == (MOST_COLUMNS, MOST_ROWS)
    assert clamped((1, 1)) == (1, 1)
    assert clamped((0, 0)) == clamped((-1, 7)) == (80, 24)


@pytest.mark.parametrize("size", [(1, 1), (10_000, 10_000), (0, 0)])
async def test_a_terminal_of_any_size_comes_back_to_a_clean_screen(size):
    async with attached(served(lab()), Terminal()) as terminal:
        terminal.resize(*size)
        terminal.type("j")
        terminal.resize(100, 30)
        await terminal.when(lambda: "? keys" in terminal.rows[29])
        assert len(terminal.rows) == 30


async def test_a_storm_of_sizes_ends_with_the_last_one():
    async with attached(served(lab()), Terminal()) as terminal:
        for step in range(500):
            terminal.resize(60 + step % 70, 12 + step % 30)
            if not step % 50:
                await asyncio.sleep(0)
        terminal.resize(101, 33)
        await terminal.when(lambda: "? keys" in terminal.rows[-1] and len(terminal.rows) == 33)


async def test_a_terminal_that_tells_its_size_itself_is_believed(apps):
    async with attached(served(lab()), Terminal()) as terminal:
        terminal.type("\x1b[?2048;2$y")
        await terminal.when(lambda: b"\x1b[?2048h" in terminal.output)
        terminal.type("\x1b[48;30;100;600;1000t")
        await terminal.when(lambda: apps[0].size == (100, 30))
        terminal.type("\x1b[48;99999;99999;1;1t")
        await terminal.when(lambda: apps[0].size == (MOST_COLUMNS, MOST_ROWS))
        terminal.type("\x1b[48;24;80;480;800t")
        await terminal.when(lambda: apps[0].size == (80, 24))
        terminal.type("q")
        await terminal.when(lambda: terminal.ended)
        assert b"\x1b[?2048l" in terminal.output


async def test_a_terminal_that_was_away_is_painted_whole():
    async with attached(served(lab()), Terminal()) as terminal:
        terminal.output.clear()
        terminal.resize(80, 24)  # the same again, as after fg
        await terminal.when(lambda: b"db01" in terminal.output)
        await terminal.when(lambda: b"cpu03" in terminal.output)
        assert b"\x1b[?1049h" in terminal.output


# Keys


async def test_keys_cut_anywhere_arrive_whole():
    async with attached(served(lab()), Terminal()) as terminal:
        terminal.type("/", *(bytes([byte]) for byte in "g–ü主".encode()))
        await terminal.until("g–ü主")
        terminal.type("\x1b", "[", "D", "X")
        await terminal.until("g–üX主")


async def test_keys_that_an_app_is_slow_to_take_are_not_torn(apps):
    async with attached(served(lab()), Terminal()) as terminal:
        terminal.type("/")
        await terminal.until("gpu>")
        on_event = apps[0].on_event

        async def slow(event: object) -> None:
            await asyncio.sleep(0.01)
            await on_event(event)

        apps[0].on_event = slow
        terminal.type("ab", *["\x1b[D", "\x1b[C"] * 20, "c")
        await terminal.until("abc")


async def test_escape_alone_is_told_by_what_does_not_follow():
    async with attached(served(lab()), Terminal()) as terminal:
        terminal.type("/gpu01")
        await terminal.until("", gone=False)
        await terminal.until("cpu03", gone=True)
        terminal.type("\x1b")
        await terminal.until("cpu03")


async def test_a_paste_arrives_as_one_text_and_presses_no_keys():
    async with attached(served(lab()), Terminal()) as terminal:
        terminal.type("/", "\x1b[200~cpu\x1b[2", "01~")
        await terminal.until("gpu01", gone=True)
        assert "cpu03" in terminal.text
        assert terminal.ended is None


async def test_a_click_moves_the_cursor_to_the_row():
    async with attached(served(lab()), Terminal()) as terminal:
        row = next(number for number, row in enumerate(terminal.rows) if "gpu03" in row)
        terminal.type(f"\x1b[<0;6;{row + 1}M", f"\x1b[<0;6;{row + 1}m")
        await terminal.when(lambda: "▌" in terminal.rows[row])


async def test_kitty_keys_are_understood():
    async with attached(served(lab()), Terminal()) as terminal:
        terminal.type("\x1b[50;;50u")  # the key 2
        await terminal.until("No tasks yet")


NONSENSE = [
    b"\x1b[99999999999999u",  # no such character
    b"\x1b[1;1:2u\x1b[57358;x;u",
    b"\x1b[<0;99999999;99999999M\x1b[<999;1;1M",
    b"\x1b[48;0;0;0;0t\x1b[<35;1;1M",
    b"\x1b[999999999;999999999R",
    b"\xff\xfe\xf0\x28\x8c\x28\x00\x01",
    b"\x1b" * 500,
    b"\x1b[" + b"1;" * 500,
    b"\x1bP" + b"x" * 1000 + b"\x1b\\",
    b"\x1b[200~",  # a paste that never ends
]


@pytest.mark.parametrize("garbage", NONSENSE, ids=range(len(NONSENSE)))
async def test_nonsense_harms_nothing_and_keys_work_after_it(garbage):
    async with attached(served(lab()), Terminal()) as terminal:
        terminal.type(garbage, b"\x1b[201~", "\x1b[48;24;80;480;800t")
        await terminal.until("1 Hosts")
        await asyncio.sleep(0.1)
        assert terminal.ended is None
        terminal.type("\x11")  # ctrl+q works from anywhere
        await terminal.when(lambda: terminal.ended)
        assert terminal.ended == (0, "")


async def test_random_bytes_end_nothing_but_by_the_keys_they_press(caplog):
    chance = random.Random(7)
    bytes_of_keys = bytes(set(range(256)) - set(b"qQ\x11"))
    async with attached(served(lab()), Terminal()) as terminal:
        for _ in range(60):
            terminal.type(bytes(chance.choices(bytes_of_keys, k=100)))
            await asyncio.sleep(0)
        await asyncio.sleep(0.3)
        assert terminal.ended is None
    assert "a screen failed" not in caplog.text


async def test_a_flood_of_keys_is_bounded_and_others_keep_their_turn(apps):
    async with attached(served(lab()), Terminal()) as flooding:
        flooding.type(b"j" * (6 << 20), *(b"k" for _ in range(1000)))
        async with attached(served(lab()), Terminal()) as other:
            other.type("2")
            await other.until("No tasks yet")
        assert apps[0]._message_queue.qsize() < 5_000
        assert len(apps[0].driver._typed._waiting) <= 4 << 20


# A reader that is slow


def change_everything(engine, share: float) -> None:
    for host in engine.runtimes:
        engine.change(host, metrics=metrics(share))


async def test_nothing_piles_up_for_a_terminal_that_stops_reading_and_the_other_goes_on():
    engine = served(with_runs(lab()))
    async with attached(engine, Terminal(160, 50)) as slow, attached(engine, Terminal()) as other:
        slow.stop_reading()
        for step in range(8):
            slow.type("2", "1", "?", "\x1b[27u")
            change_everything(engine, step / 8)
            other.type("j", "k")
            await asyncio.sleep(0.02)
        engine.change("cpu03", state=HostState.INACTIVE, reason="refused")
        await other.until("refused")
        assert slow.most_waiting < 4 * HIGH_BYTES  # one frame above the mark

        slow.type("1", "1")
        slow.read_on()
        await slow.until("refused")
        assert slow.rows[0].split()[0] == "lazytui"
        assert "? keys" in slow.rows[-1]


async def test_what_a_slow_terminal_sees_after_a_while_is_what_a_quick_one_sees():
    engine = served(with_runs(lab()))
    async with attached(engine, Terminal()) as slow, attached(engine, Terminal()) as quick:
        slow.stop_reading()
        for step in range(100):
            slow.type("2" if step % 2 else "1")
            quick.type("2" if step % 2 else "1")
            await asyncio.sleep(0)
        slow.type("1")
        quick.type("1")
        engine.change("cpu03", state=HostState.INACTIVE, reason="refused")
        await quick.until("refused")
        slow.read_on()
        await slow.when(lambda: slow.rows == quick.rows, "the same screen")


async def test_copies_for_a_terminal_that_stops_reading_are_bounded_too(apps):
    async with attached(served(lab()), Terminal()) as terminal:
        terminal.stop_reading()
        for _ in range(100):
            apps[0].copy_to_clipboard("x" * 70_000)
            await asyncio.sleep(0)
        assert terminal.most_waiting < 2 << 20
        terminal.read_on()
        terminal.type("2")
        await terminal.until("No tasks yet")


async def test_over_ssh_the_next_frame_waits_and_nothing_moves_by_itself(apps):
    engine = served(lab())
    far = Terminal(SSH_CONNECTION="192.0.2.7 50000 192.0.2.1 22")
    async with attached(engine, far), attached(engine, Terminal()) as near:
        apps[0].driver.gate._frame_s = 1000.0
        far.type("2")
        await far.until("No tasks yet")
        for terminal in (far, near):
            terminal.type("6")
        await near.until("Nothing happened yet")
        await far.when(lambda: apps[0].current_mode == "events")
        assert "No tasks yet" in far.text
        assert [app.animation_level for app in apps] == ["none", "full"]


async def test_over_ssh_keys_work_at_a_pace_for_people():
    far = Terminal(SSH_CONNECTION="192.0.2.7 50000 192.0.2.1 22")
    async with attached(served(lab()), far):
        far.type("j", "j")
        await far.until("▌  gpu03")
        far.type("2")
        await far.until("No tasks yet")


# Lending


class Shell:
    """Somebody who borrows the terminal."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    def received(self, data: bytes) -> None:
        self.heard.append(data)

    def resized(self, columns: int, rows: int) -> None:
        self.heard.append((columns, rows))

    def drained(self) -> None:
        self.heard.append("drained")

    def closed(self) -> None:
        self.heard.append("closed")


async def test_a_borrower_has_the_terminal_for_itself_and_the_screen_is_back_as_it_was(apps):
    engine = served(lab())
    async with attached(engine, Terminal()) as terminal:
        terminal.type("j", "j")
        await terminal.when(lambda: "▌" in next(r for r in terminal.rows if "gpu03" in r))
        driver, shell = apps[0].driver, Shell()
        terminal.output.clear()

        driver.lend(shell)
        await asyncio.sleep(0)
        assert terminal.output.endswith(b"\x1b[23;0t")
        terminal.output.clear()
        terminal.type("\x1b[A", b"\xff\x03")
        terminal.resize(90, 20)
        change_everything(engine, 0.9)
        apps[0].bell()
        await asyncio.sleep(0.3)
        assert shell.heard == [b"\x1b[A", b"\xff\x03", (90, 20)]
        assert terminal.output == b""  # the app paints nothing meanwhile

        driver.channel.write(b"\x1b[2J\x1b[Hsomething of the shell")
        await terminal.until("something of the shell")
        terminal.resize(80, 24)
        driver.reclaim()
        await terminal.until("▌  gpu03")
        assert "something" not in terminal.text
        assert "? keys" in terminal.rows[23]
        terminal.type("2")
        await terminal.until("No tasks yet")


async def test_a_terminal_that_goes_away_while_it_is_lent_ends_both(apps):
    async with attached(served(lab()), Terminal()) as terminal:
        shell = Shell()
        apps[0].driver.lend(shell)
        with pytest.raises(RuntimeError, match="lent already"):
            apps[0].driver.lend(Shell())
        terminal.hang_up()
        await terminal.when(lambda: terminal.ended)
        assert shell.heard == ["closed"]
        apps[0].driver.reclaim()


# What is the process's own


async def test_stdout_stays_what_it_is_in_whatever_order_apps_end():
    engine, before = served(lab()), (sys.stdout, sys.stderr)
    first, second = Terminal(), Terminal()
    async with attached(engine, second, leave=False):
        async with attached(engine, first):
            assert (sys.stdout, sys.stderr) == before
        assert (sys.stdout, sys.stderr) == before
        second.hang_up()
    assert (sys.stdout, sys.stderr) == before
