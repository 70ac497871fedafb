"""Every attached terminal has the screens to itself, as its client is; all show one engine."""

from __future__ import annotations

import asyncio
import base64
import gc
from weakref import WeakSet

import pytest

from lazytui.core.model import HostState, RunState
from lazytui.core.presence import Attached, Presence
from lazytui.door import terminals
from lazytui.door.hello import Hello
from lazytui.door.terminals import prepare, serve_terminal
from lazytui.tui.app import LazytuiApp
from lazytui.tui.screens.hosts import HostsScreen
from tests.door.terminal import Terminal, attached, served
from tests.tui.fake_engine import lab, with_runs

# Who else is there


async def test_everybody_sees_how_many_others_are_there():
    engine = served(lab())
    async with attached(engine, Terminal()) as one:
        assert "here" not in one.rows[0]
        async with attached(engine, Terminal(130, 34)) as two:
            await one.until("+1 here")
            await two.until("+1 here")
            two.type("2")
            await two.until("No tasks yet")
            assert "+1 here" in two.rows[0]
            async with attached(engine, Terminal()):
                await one.until("+2 here")
        await one.until(" here", gone=True)
    assert engine.presence.terminals == ()


async def test_nobody_moves_what_belongs_to_another_and_all_see_what_changes():
    engine = served(lab())
    async with attached(engine, Terminal()) as one, attached(engine, Terminal()) as two:
        one.type("j", " ", "/", "gpu")
        await one.until("cpu01", gone=True)
        two.type("G")
        await two.until("▌  db01")
        assert "cpu01" in two.text
        assert "✓" not in two.text

        engine.change("gpu03", state=HostState.INACTIVE, reason="refused")
        await one.until("refused")
        await two.until("refused")


async def test_a_small_terminal_keeps_its_tabs_and_drops_the_others():
    engine = served(lab())
    async with attached(engine, Terminal(40, 12)) as small, attached(engine, Terminal()) as other:
        await other.until("+1 here")
        await small.until("1 Hosts   2   3   4   5   6")
        assert "here" not in small.rows[0]


def test_two_terminals_are_two_however_alike_they_are():
    presence = Presence(lab().events)
    one, two = Attached("here", 0.0), Attached("here", 0.0)
    with presence.attach(one):
        with presence.attach(two):
            assert presence.terminals == (one, two)
        assert [terminal is one for terminal in presence.terminals] == [True]


# What the client's terminal is


async def test_each_terminal_has_the_colours_it_has_side_by_side(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")  # of the engine's process, which is no terminal
    engine = served(with_runs(lab()))
    rich, many, few, none = (
        Terminal(),
        Terminal(COLORTERM=None),
        Terminal(COLORTERM=None, TERM="xterm"),
        Terminal(NO_COLOR="1"),
    )
    async with (
        attached(engine, rich),
        attached(engine, many),
        attached(engine, few),
        attached(engine, none),
    ):
        for terminal in (rich, many, few, none):
            terminal.type("2")
            await terminal.until("train.py")
        assert b";2;" in rich.output
        assert b"38;2;" not in many.output + few.output + none.output
        assert b"38;5;" in many.output
        assert b"38;5;" not in rich.output + few.output + none.output
        assert "default" in none.colours
        assert none.colours == {"default"}
        assert len(few.colours) > 4


async def test_an_empty_no_color_is_none():
    async with attached(served(lab()), Terminal(NO_COLOR="")) as terminal:
        assert len(terminal.colours) > 4


@pytest.mark.parametrize("locale", [{"LANG": "C"}, {"LANG": None}, {"LC_ALL": "de_DE.ISO-8859-1"}])
async def test_a_terminal_that_is_not_utf8_gets_ascii(locale):
    async with attached(served(lab()), Terminal(**locale)) as terminal:
        assert terminal.text.isascii()
        assert "* up" in terminal.text


async def test_the_words_of_the_command_line_hold_for_their_terminal_alone():
    engine = served(lab())
    async with (
        attached(engine, Terminal(), "--ascii", "--theme", "light") as one,
        attached(engine, Terminal()) as two,
    ):
        assert one.text.isascii()
        assert "●" in two.text
        assert "fbfcfd" in one.colours
        assert "0e1116" in two.colours


@pytest.mark.parametrize("term", ["dumb", None])
async def test_a_terminal_that_cannot_draw_is_told_so(term):
    terminal = Terminal(TERM=term)
    hello = Hello("screen", environ=terminal.environ)

    status = await serve_terminal(served(lab()), terminal, hello)

    assert status == 2
    assert terminal.ended == (2, terminal.ended[1])
    assert "TERM is" in terminal.ended[1]
    assert terminal.output == b""


async def test_a_theme_that_does_not_exist_is_told():
    terminal = Terminal()
    hello = Hello("screen", argv=("--theme", "pink"), environ=terminal.environ)
    assert await serve_terminal(served(lab()), terminal, hello) == 2
    assert "pink" in terminal.ended[1]


def test_what_textual_would_read_of_the_engines_own_start_is_cleaned():
    environ = {"TEXTUAL_FPS": "1", "TEXTUAL_PRESS": "q", "TEXTUAL": "debug", "ESCDELAY": "500"}
    prepare(environ)
    assert environ == {"ESCDELAY": "25"}


async def test_paths_are_meant_from_where_the_user_of_the_terminal_is():
    engine = served(with_runs(lab()))
    one, two = Terminal(), Terminal()
    async with attached(engine, one, folder="/srv/one"), attached(engine, two, folder="/srv/two"):
        for terminal, folder in ((one, "/srv/one"), (two, "/srv/two")):
            terminal.type("4")
            await terminal.until(f"here  {folder}")
            terminal.type("1", "l", "S")
            await terminal.until("plain text")
            terminal.type("p")
            await terminal.until(f"On the manager: {folder}/")


async def test_a_screen_changes_nothing_about_how_the_engines_loop_begins_tasks(monkeypatch):
    def at_once(loop, coroutine, **options):  # what Textual takes from asyncio, where it is there
        raise AssertionError("a task was to begin at once")

    monkeypatch.setattr(asyncio, "eager_task_factory", at_once, raising=False)
    async with attached(served(lab()), Terminal()) as terminal:
        assert asyncio.get_running_loop().get_task_factory() is None
        terminal.type("/", "gpu")
        await terminal.until("cpu01", gone=True)


async def test_a_copy_takes_the_way_of_the_clients_tmux():
    engine = served(lab())
    inside = Terminal(TMUX="/tmp/tmux-0/default,1,0")
    async with attached(engine, inside), attached(engine, Terminal()) as outside:
        for terminal in (inside, outside):
            terminal.type("\r")
            await terminal.until("Hosts ›")
            terminal.type("y")
            await terminal.when(lambda terminal=terminal: b"\x1b]52;c;" in terminal.output)
        assert base64.b64encode(b"ssh ")[:4] in outside.output
        await inside.when(lambda: b"\x1bPtmux;\x1b\x1b]52;c;" in inside.output)
        assert b"Ptmux" not in outside.output


# The end of one


async def test_a_fault_ends_its_own_terminal_with_a_sentence_and_no_other(monkeypatch, caplog):
    engine = served(lab())
    async with attached(engine, Terminal()) as other:
        async with attached(engine, Terminal()) as unlucky:
            with monkeypatch.context() as broken:

                def fail(screen: object) -> None:
                    raise ZeroDivisionError("of a bug\x1b[2J")

                broken.setattr(HostsScreen, "action_refresh", fail)
                unlucky.type("R")
                await unlucky.when(lambda: unlucky.ended)
        status, said = unlucky.ended
        assert status == 1
        assert "the screen failed: ZeroDivisionError: of a bug" in said
        assert "\x1b" not in said
        assert "lazytui.log" in said
        assert unlucky.output.endswith(b"\x1b[23;0t")  # the terminal is restored
        assert "Traceback" in caplog.text

        other.type("2")
        await other.until("No tasks yet")
        assert "here" not in other.rows[0]


async def test_the_end_of_the_engine_gives_every_terminal_back():
    engine, terminal = served(lab()), Terminal()
    hello = Hello("screen", environ=terminal.environ)
    serving = asyncio.ensure_future(serve_terminal(engine, terminal, hello))
    await terminal.until("gpu01")

    serving.cancel()

    with pytest.raises(asyncio.CancelledError):
        await serving
    assert terminal.output.endswith(b"\x1b[23;0t")
    assert "goes on" in terminal.ended[1]
    assert engine.presence.terminals == ()


async def test_an_app_that_does_not_come_to_its_end_is_ended(monkeypatch):
    monkeypatch.setattr(terminals, "LONGEST_FAREWELL_S", 0.1)
    stuck = asyncio.Event()

    async def hang(app: LazytuiApp) -> None:
        stuck.set()
        await asyncio.Event().wait()

    async with attached(served(lab()), Terminal()) as terminal:
        monkeypatch.setattr(LazytuiApp, "action_view_tasks", hang)
        terminal.type("2")
        await stuck.wait()
        terminal.hang_up()
        await terminal.when(lambda: terminal.ended)


@pytest.mark.parametrize("turns", range(0, 40, 4))
async def test_a_terminal_closed_before_its_first_screen_has_merely_left(turns, caplog):
    engine, terminal = served(lab()), Terminal()
    hello = Hello("screen", environ=terminal.environ)
    serving = asyncio.ensure_future(serve_terminal(engine, terminal, hello))
    await terminal.when(lambda: hasattr(terminal, "events"), "the app")
    for _ in range(turns):
        await asyncio.sleep(0)

    terminal.hang_up()

    async with asyncio.timeout(20):
        assert await serving == 0
    assert terminal.ended == (0, "")
    assert engine.presence.terminals == ()
    assert "failed" not in caplog.text


async def test_a_terminal_that_has_left_leaves_nothing_behind(monkeypatch):
    apps: WeakSet[LazytuiApp] = WeakSet()
    mount = LazytuiApp.on_mount

    def noted(app: LazytuiApp) -> None:
        apps.add(app)
        mount(app)

    monkeypatch.setattr(LazytuiApp, "on_mount", noted)
    engine = served(with_runs(lab()))

    async def visit() -> None:
        async with attached(engine, Terminal()) as terminal:
            terminal.type("2")
            await terminal.until("train.py")
            assert len(apps) == 1

    await visit()

    for _ in range(5):
        await asyncio.sleep(0)
        gc.collect()
    assert list(apps) == []
    assert engine.events._subscriptions == []


# Leaving


def busy():
    engine = lab()
    engine.add_run("gpu01", "python train.py", ago=60)
    engine.add_run("gpu02", "make bench", state=RunState.QUEUED)
    return served(engine)


@pytest.mark.parametrize("key", ["q", "\x11"])
async def test_leaving_an_engine_that_goes_on_asks_nothing(key):
    async with attached(busy(), Terminal()) as terminal:
        terminal.type(key)
        await terminal.when(lambda: terminal.ended)
        assert terminal.ended == (0, "")


async def test_stopping_the_engine_says_what_that_means_and_asks(monkeypatch):
    stopped = []
    monkeypatch.setattr(terminals, "_stop_this_process", lambda: stopped.append("engine"))
    engine = busy()
    async with attached(engine, Terminal()) as terminal, attached(engine, Terminal()) as other:
        await other.until("+1 here")
        terminal.type(":", "stop the eng")
        await terminal.until("▌    Stop the engine")
        terminal.type("\r")
        await terminal.until("Stop the engine?")
        assert "Not started yet" in terminal.text
        assert "make bench · gpu02" in terminal.text
        assert "python train.py · gpu01" in terminal.text
        assert "1 other terminal leaves together with this one" in terminal.text
        terminal.type("n")
        await terminal.until("Stop the engine?", gone=True)
        assert stopped == []

        terminal.type(":", "stop the eng")
        await terminal.until("▌    Stop the engine")
        terminal.type("\r")
        await terminal.until("yes, stop it")
        terminal.type("y")
        await terminal.when(lambda: stopped == ["engine"])
