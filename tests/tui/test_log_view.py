"""The log view shows any file, growing or not, reads little of it and obeys nothing in it."""

from __future__ import annotations

import asyncio
import os
import threading
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from textual.app import App, ComposeResult
from textual.color import Color

from lazytui.core import lines
from lazytui.tui.widgets.log_view import LogView

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from textual.pilot import Pilot
    from textual.strip import Strip

SIZE = (40, 10)


class LogApp(App[None]):
    """Nothing but log views."""

    CSS = "LogView { height: 1fr; }"

    def __init__(self, *paths: Path | None) -> None:
        super().__init__()
        self.paths = paths
        self.follow_changes: list[bool] = []

    def compose(self) -> ComposeResult:
        for path in self.paths:
            yield LogView(path)

    def on_log_pane_follow_changed(self, message: LogView.FollowChanged) -> None:
        assert isinstance(message.control, LogView)
        self.follow_changes.append(message.follow)


class Stage:
    """One log view on a running app, and what can be seen in it."""

    def __init__(self, app: LogApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot
        self.view = app.query(LogView).first()
        self.view.focus()

    def strips(self) -> list[Strip]:
        return [self.view.render_line(y) for y in range(self.view.size.height)]

    def rows(self) -> list[str]:
        return [strip.text.rstrip() for strip in self.strips()]

    async def until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not happened():
                await self.pilot.pause(0.01)
        await self.pilot.pause()

    async def until_lines(self, count: int) -> None:
        await self.until(lambda: self.view.line_count == count)

    async def grow(self, path: Path, data: bytes) -> None:
        with path.open("ab") as file:
            file.write(data)
        await self.tell(path)

    async def tell(self, path: Path) -> None:
        self.view.grew(path.stat().st_size)
        await self.until(lambda: self.view._file is not None and not self.view._wake.is_set())


@asynccontextmanager
async def stage(*paths: Path | None, size: tuple[int, int] = SIZE) -> AsyncIterator[Stage]:
    app = LogApp(*paths)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield Stage(app, pilot)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run.log"


def numbered(first: int, last: int) -> bytes:
    return b"".join(b"line %d\n" % number for number in range(first, last))


def shown(first: int, count: int = 10) -> list[str]:
    return [f"line {number}" for number in range(first, first + count)]


# --- moving ------------------------------------------------------------------------------


async def test_the_end_is_shown_first(path: Path) -> None:
    path.write_bytes(numbered(0, 100_000))
    async with stage(path) as at:
        await at.until_lines(100_000)

        assert at.rows() == shown(99_990)
        assert at.view.follow


async def test_home_end_and_pages_go_where_they_say(path: Path) -> None:
    path.write_bytes(numbered(0, 100_000))
    async with stage(path) as at:
        await at.until_lines(100_000)

        await at.pilot.press("home")
        assert at.rows() == shown(0)
        await at.pilot.press("pagedown")
        assert at.rows() == shown(10)
        await at.pilot.press("down")
        assert at.rows() == shown(11)
        await at.pilot.press("end")
        assert at.rows() == shown(99_990)
        await at.pilot.press("pageup", "up")
        assert at.rows() == shown(99_979)


async def test_a_long_line_can_be_scrolled_sideways(path: Path) -> None:
    path.write_bytes(b"0123456789" * 20 + b"\n")
    async with stage(path) as at:
        await at.until(lambda: at.view.virtual_size.width == 200)

        await at.pilot.press(*["right"] * 3)
        assert at.rows()[0] == ("0123456789" * 20)[3:43]
        await at.pilot.press(*["left"] * 2)
        assert at.rows()[0] == ("0123456789" * 20)[1:41]


async def test_wide_characters_cut_by_the_edge_leave_the_columns_straight(path: Path) -> None:
    path.write_bytes("日本語".encode() * 20 + b"\n")
    async with stage(path) as at:
        await at.until(lambda: at.view.virtual_size.width == 120)

        await at.pilot.press("right")

        assert [strip.cell_length for strip in at.strips()] == [40] * 10
        assert at.rows()[0] == " 本語" + "日本語" * 5 + "日本"


# --- following ---------------------------------------------------------------------------


async def test_growth_is_followed(path: Path) -> None:
    path.write_bytes(numbered(0, 50))
    async with stage(path) as at:
        await at.until_lines(50)

        await at.grow(path, numbered(50, 1234))
        await at.until_lines(1234)

        assert at.rows() == shown(1224)
        assert at.app.follow_changes == []


async def test_scrolled_up_the_view_stays_where_it_is_while_output_grows(path: Path) -> None:
    path.write_bytes(numbered(0, 100))
    async with stage(path) as at:
        await at.until_lines(100)
        await at.pilot.press("up", "up")
        assert not at.view.follow

        await at.grow(path, numbered(100, 5000))
        await at.until_lines(5000)

        assert at.rows() == shown(88)
        assert at.app.follow_changes == [False]


async def test_the_scrollbar_is_at_the_end_too(path: Path) -> None:
    path.write_bytes(numbered(0, 100))
    async with stage(path) as at:
        await at.until_lines(100)

        assert at.view.vertical_scrollbar.position == 90


async def test_back_at_the_end_the_view_follows_again(path: Path) -> None:
    path.write_bytes(numbered(0, 100))
    async with stage(path) as at:
        await at.until_lines(100)
        await at.pilot.press("up", "down")

        await at.grow(path, numbered(100, 200))
        await at.until_lines(200)

        assert at.rows() == shown(190)
        assert at.app.follow_changes == [False, True]


async def test_following_can_be_switched_off_at_the_end_and_on_anywhere(path: Path) -> None:
    path.write_bytes(numbered(0, 100))
    async with stage(path) as at:
        await at.until_lines(100)

        at.view.action_toggle_follow()
        await at.grow(path, numbered(100, 200))
        await at.until_lines(200)
        assert at.rows() == shown(90)

        at.view.action_toggle_follow()
        await at.pilot.pause()
        assert at.rows() == shown(190)


async def test_lines_that_still_fit_do_not_stop_the_following(path: Path) -> None:
    path.write_bytes(b"")
    async with stage(path) as at:
        for number in range(25):
            await at.grow(path, numbered(number, number + 1))
            await at.until_lines(number + 1)

        assert at.rows() == shown(15)
        assert at.view.follow


async def test_a_progress_bar_is_one_line_that_changes(path: Path) -> None:
    path.write_bytes(b"start\n")
    async with stage(path) as at:
        await at.until_lines(1)

        await at.grow(path, b"\r 10%|#   |")
        await at.until(lambda: at.rows()[1] == " 10%|#   |")
        await at.grow(path, b"\r 50%|##  |\r100%|####|")
        await at.until(lambda: at.rows()[1] == "100%|####|")
        await at.grow(path, b"\nend\n")
        await at.until_lines(3)

        assert at.rows()[:3] == ["start", "100%|####|", "end"]


async def test_an_unfinished_line_out_of_sight_is_drawn_anew_when_it_comes_in_sight(
    path: Path,
) -> None:
    path.write_bytes(numbered(0, 100) + b"half")
    async with stage(path) as at:
        await at.until_lines(101)
        assert at.rows()[-1] == "half"
        await at.pilot.press("home")

        await at.grow(path, b" and half\n")
        await at.pilot.press("end")

        assert at.rows()[-1] == "half and half"


# --- large files -------------------------------------------------------------------------


@pytest.fixture
def index_goes_on(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Stop indexing after the first piece of a file, until this is set."""
    gate = threading.Event()
    extend = lines.LineIndex.extend

    def held(index: lines.LineIndex, max_bytes: int) -> bool:
        if index.start == 0 and index.end > 0:
            gate.wait(60)
        return extend(index, max_bytes)

    monkeypatch.setattr(lines.LineIndex, "extend", held)
    monkeypatch.setattr("lazytui.tui.widgets.log_file.PIECE", 200_000)
    yield gate
    gate.set()


async def test_the_end_of_a_large_file_can_be_read_before_it_is_indexed(
    path: Path, index_goes_on: threading.Event
) -> None:
    path.write_bytes(numbered(0, 100_000))
    async with stage(path) as at:
        await at.until(lambda: at.rows() == shown(99_990))
        await at.pilot.press("pageup")
        assert at.rows() == shown(99_980)
        assert at.view.line_count < 100_000

        index_goes_on.set()
        await at.until_lines(100_000)

        assert at.rows() == shown(99_980)
        assert not at.view.follow


async def test_home_and_end_work_in_a_large_file_before_it_is_indexed(
    path: Path, index_goes_on: threading.Event
) -> None:
    path.write_bytes(numbered(0, 100_000))
    async with stage(path) as at:
        await at.until(lambda: at.rows() == shown(99_990))

        await at.pilot.press("home")
        assert at.rows() == shown(0)
        assert at.view.line_count < 100_000

        index_goes_on.set()
        await at.until_lines(100_000)
        assert at.rows() == shown(0)
        await at.pilot.press("end")
        assert at.rows() == shown(99_990)


async def test_fifty_megabytes_without_a_newline_are_one_clipped_row_read_in_small_pieces(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path.write_bytes(b"x" * 50_000_000 + b"\nafter\n")
    async with stage(path) as at:
        await at.until_lines(2)
        await at.pilot.press("home")
        sizes: list[int] = []
        pread = os.pread

        def counting(fd: int, size: int, offset: int) -> bytes:
            data = pread(fd, size, offset)
            sizes.append(len(data))
            return data

        monkeypatch.setattr(lines.os, "pread", counting)
        at.view.notify_style_update()

        assert at.rows()[:2] == ["x" * 40, "after"]
        assert sum(sizes) < 150_000
        at.view.scroll_to(x=4080)
        assert at.rows()[0] == "x" * 16 + " … 48M more in this line"


async def test_only_what_is_in_sight_is_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(numbered(0, 100_000))
    asked: list[tuple[int, int]] = []
    read = lines.LineIndex.read

    def noting(index: lines.LineIndex, first: int, last: int) -> list[lines.RawLine]:
        asked.append((first, last))
        return read(index, first, last)

    monkeypatch.setattr(lines.LineIndex, "read", noting)
    async with stage(path) as at:
        await at.until_lines(100_000)
        await at.pilot.press("home", "down")

        assert sum(last - first for first, last in asked) < 100


# --- what a file can contain -------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "row"),
    [
        (b"a [/x] b", "a [/x] b"),
        (b"[@click=app.quit]x[/]", "[@click=app.quit]x[/]"),
        (b"[red]x", "[red]x"),
        (b"\\[x]", "\\[x]"),
        (b"bad \xff\xfe utf", "bad \ufffd utf"),
        (b"nul \x00 bel \x07.", "nul  bel ."),
        (b"\x1b]52;c;aGk=\x07clip", "clip"),
        (b"\x1b]0;title\x1b\\text", "text"),
        (b"\x1b[2J\x1b[Hhome", "home"),
        ("\u009b31mc1\u202ebidi".encode(), "c1bidi"),
        (b"windows\r", "windows"),
        (b"a\tb", "a       b"),
    ],
)
async def test_whatever_is_in_a_line_is_shown_as_plain_text(
    path: Path, raw: bytes, row: str
) -> None:
    path.write_bytes(raw + b"\n")
    async with stage(path) as at:
        await at.until_lines(1)

        assert at.rows()[0] == row
        assert "\x1b" not in at.strips()[0].text


async def test_text_is_never_a_link_or_an_action(path: Path) -> None:
    path.write_bytes(b"\x1b]8;;http://evil\x1b\\[@click=app.quit]x\x1b]8;;\x1b\\\n")
    async with stage(path) as at:
        await at.until_lines(1)

        await at.pilot.click(LogView, offset=(3, 0))

        assert at.app.is_running
        styles = [segment.style for segment in at.strips()[0] if segment.style]
        assert all(not style.link and not style.meta for style in styles)


async def test_a_programs_colours_become_the_themes(path: Path) -> None:
    path.write_bytes(b"\x1b[31mred\x1b[38;2;1;2;3mown\x1b[0;1mbold\x1b[m.\n")
    async with stage(path) as at:
        await at.until_lines(1)

        red, own, bold = [segment.style for segment in at.strips()[0]][:3]

        assert red is not None
        assert own is not None
        assert bold is not None
        error = Color.parse(at.app.theme_variables["error"])
        assert red.color == error.rich_color
        assert own.color is not None
        assert own.color.triplet == (1, 2, 3)
        assert bold.bold


@pytest.mark.parametrize("sgr", ["41", "41;37", "42;30", "43;97", "107", "48;5;231", "40;97"])
async def test_text_on_a_coloured_ground_can_be_read(path: Path, sgr: str) -> None:
    path.write_bytes(f"\x1b[{sgr}mtext\n".encode())
    async with stage(path) as at:
        await at.until_lines(1)

        style = next(iter(at.strips()[0])).style

        assert style is not None
        assert style.color is not None
        assert style.bgcolor is not None
        text, ground = Color.from_rich_color(style.color), Color.from_rich_color(style.bgcolor)
        assert text.get_contrast_text().brightness != ground.get_contrast_text().brightness


# --- what can happen to a file -----------------------------------------------------------


async def test_an_empty_file_says_that_there_is_no_output(path: Path) -> None:
    path.touch()
    async with stage(path) as at:
        await at.until(lambda: at.rows()[0] == "No output so far.")

        assert at.view.line_count == 0


async def test_a_file_that_is_not_there_yet_is_shown_when_it_comes(path: Path) -> None:
    async with stage(path) as at:
        await at.until(lambda: at.rows()[0] == "No output so far.")

        await at.grow(path, b"hello\n")

        await at.until(lambda: at.rows()[0] == "hello")


async def test_what_cannot_be_read_says_why(path: Path) -> None:
    path.mkdir()
    async with stage(path, size=(300, 10)) as at:
        await at.until(lambda: at.rows()[0].startswith("Cannot read"))

        assert at.rows()[0] == f"Cannot read {path}: Is a directory"


async def test_a_mistake_while_reading_is_told_in_the_view(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(index: lines.LineIndex, max_bytes: int) -> bool:
        raise ValueError("broken")

    path.write_bytes(b"x\n")
    monkeypatch.setattr(lines.LineIndex, "extend", broken)
    async with stage(path, size=(80, 10)) as at:
        wanted = "Cannot show the output: ValueError('broken')"
        await at.until(lambda: at.rows()[0] == wanted)


@pytest.mark.parametrize("replace", [True, False])
async def test_a_replaced_or_truncated_file_is_read_anew(path: Path, replace: bool) -> None:
    path.write_bytes(numbered(0, 1000))
    async with stage(path) as at:
        await at.until_lines(1000)

        if replace:
            path.unlink()
        path.write_bytes(b"new\n")
        await at.tell(path)

        await at.until(lambda: at.rows()[0] == "new")
        assert at.view.line_count == 1


async def test_another_file_can_be_opened(path: Path, tmp_path: Path) -> None:
    path.write_bytes(numbered(0, 1000))
    other = tmp_path / "other.log"
    other.write_bytes(b"other\n")
    async with stage(path) as at:
        await at.until_lines(1000)
        await at.pilot.press("home")

        at.view.open(other)
        await at.until(lambda: at.rows()[0] == "other")
        assert at.view.follow

        at.view.open(None)
        await at.until(lambda: at.view.line_count == 0)


async def test_a_view_without_a_path_can_be_given_one(path: Path) -> None:
    path.write_bytes(b"late\n")
    async with stage(None) as at:
        at.view.open(path)

        await at.until(lambda: at.rows()[0] == "late")


async def test_resizing_while_output_flows_keeps_the_end_in_sight(path: Path) -> None:
    path.touch()
    async with stage(path) as at:
        for number in range(30):
            with path.open("ab") as file:
                file.write(numbered(number * 100, number * 100 + 100))
            at.view.grew(path.stat().st_size)
            await at.pilot.resize_terminal(20 + number * 7 % 60, 3 + number * 5 % 30)
        await at.until_lines(3000)
        await at.pilot.resize_terminal(*SIZE)
        await at.pilot.pause()

        assert at.rows() == shown(2990)
        assert at.view.follow


async def test_a_terminal_of_one_row_is_enough(path: Path) -> None:
    path.write_bytes(numbered(0, 100))
    async with stage(path, size=(12, 1)) as at:
        await at.until_lines(100)

        assert at.rows() == ["line 99"]


async def test_two_views_of_one_file_move_on_their_own(path: Path) -> None:
    path.write_bytes(numbered(0, 1000))
    async with stage(path, path, size=(40, 20)) as at:
        other = at.app.query(LogView).last()
        await at.until(lambda: at.view.line_count == other.line_count == 1000)

        await at.pilot.press("home")

        assert at.rows() == shown(0)
        assert other.render_line(9).text.rstrip() == "line 999"
        assert other.follow


async def test_no_file_is_left_open_when_the_view_goes(path: Path) -> None:
    path.write_bytes(numbered(0, 1000))
    async with stage(path) as at:
        await at.until_lines(1000)
        assert _open_files(path) == 1

        await at.view.remove()
        await at.until(lambda: _open_files(path) == 0)

    assert _open_files(path) == 0


def _open_files(path: Path) -> int:
    links = [f"/proc/self/fd/{fd}" for fd in os.listdir("/proc/self/fd")]
    return sum(os.path.exists(link) and os.path.realpath(link) == str(path) for link in links)
