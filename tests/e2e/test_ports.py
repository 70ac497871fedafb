"""Any port reachable anywhere, and kept so: one test a promise, in a real terminal on real sshd."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from typing import TYPE_CHECKING

import pytest

from tests.cli.test_ports import say, shouting
from tests.engines import lazytui
from tests.leftovers import engine_pids
from tests.services import free_port

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.sshd import SSHFarm
    from tests.tmux import Tmux

    TerminalFactory = Callable[..., Tmux]

pytestmark = [pytest.mark.sshd, pytest.mark.tmux]


def ports_screen(
    farm: SSHFarm,
    tmux_factory: TerminalFactory,
    *up: str,
    size: tuple[int, int] = (80, 24),
) -> Tmux:
    """Start the program and go to Ports when the hosts are up."""
    env = {**farm.env(), "LAZYTUI_CONNECT_BACKOFF_FIRST_S": "0.2"}
    terminal = tmux_factory(size, env)
    terminal.start([sys.executable, "-m", "lazytui"])
    for host in up:
        terminal.wait_for(re.compile(rf"{host} +● up"))
    terminal.send("3")
    terminal.wait_for("No port is exposed yet")
    return terminal


def leave(terminal: Tmux) -> None:
    terminal.send("C-q")
    try:
        terminal.wait_for("Leave", timeout_s=1)
    except AssertionError:
        pass  # nothing would stop
    else:
        terminal.send("Enter")
    terminal.wait_exit()


def fill(terminal: Tmux, ports: str, source: str = "", where: str = "", name: str = "") -> None:
    """Fill the form from its port on, with the fields that its way has."""
    terminal.type(ports)
    for text in (source, where):
        if text:
            terminal.send("Tab")
            terminal.send("C-u")
            terminal.type(text)
    if name:
        terminal.send("Tab", "Tab", "Tab", *(("Tab",) if where else ()))
        terminal.type(name)
    terminal.send("Enter")


def exposures(farm: SSHFarm) -> list[dict[str, object]]:
    listed: list[dict[str, object]] = json.loads(lazytui(farm, "ports", "--json").stdout)
    return listed


def test_a_port_of_a_host_is_exposed_here_under_a_name(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("gpu01")
    near = free_port()

    with shouting() as service:
        terminal = ports_screen(farm, tmux_factory, "gpu01")
        terminal.send("a")
        terminal.wait_for("Expose a port")
        fill(terminal, f"{service}:{near}", source="gpu01", name="jupyter")
        terminal.wait_for(re.compile(r"jupyter +● on"))
        answer = say(near, b"hello")

    assert answer == b"HELLO"
    leave(terminal)
    lazytui(farm, "stop-engine")


def test_a_port_of_here_is_exposed_on_hosts(farm: SSHFarm, tmux_factory: TerminalFactory) -> None:
    farm.add("gpu01")
    far = free_port()

    with shouting() as service:
        terminal = ports_screen(farm, tmux_factory, "gpu01")
        terminal.send("a")
        terminal.wait_for("Expose a port")
        terminal.send("Up", "Right")  # the way: here to hosts
        terminal.wait_for("gpu[01-04]")
        terminal.send("Tab")
        fill(terminal, f"{service}:{far}", where="gpu01")
        terminal.wait_for(re.compile(rf"● on +here:{service} +gpu01:{far}"))
        answer = say(far, b"hello")

    assert answer == b"HELLO"
    leave(terminal)
    lazytui(farm, "stop-engine")


def test_a_port_of_a_host_is_exposed_on_others_and_none_is_taken_here(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("db01")
    farm.add("gpu01")
    far = free_port()

    with shouting() as service:
        terminal = ports_screen(farm, tmux_factory, "db01", "gpu01")
        terminal.send("a")
        terminal.wait_for("Expose a port")
        terminal.send("Up", "Right", "Right")  # the way: a host to hosts
        terminal.wait_for("gpu[01-04]")
        terminal.send("Tab")
        fill(terminal, f"{service}:{far}", source="db01", where="gpu01")
        terminal.wait_for(re.compile(rf"● on +db01:{service} +gpu01:{far}"))
        answer = say(far, b"hello")
        (exposure,) = exposures(farm)

    assert answer == b"HELLO"
    assert exposure["local"] is None
    leave(terminal)
    lazytui(farm, "stop-engine")


def test_an_exposure_lasts_over_an_engine_that_was_killed(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("gpu01")
    near = free_port()

    with shouting() as service:
        lazytui(farm, "expose", f"{service}:{near}", "--from", "gpu01", "--name", "jupyter")
        for pid in engine_pids(farm.home):
            os.kill(pid, signal.SIGKILL)
        terminal = tmux_factory((80, 24), farm.env())
        terminal.start([sys.executable, "-m", "lazytui"])
        terminal.wait_for(re.compile(r"gpu01 +● up"))
        terminal.send("3")
        terminal.wait_for(re.compile(r"jupyter +● on"))
        answer = say(near, b"still here")

    assert answer == b"STILL HERE"
    leave(terminal)
    lazytui(farm, "stop-engine")


def test_it_heals_itself_and_tells_what_broke(farm: SSHFarm, tmux_factory: TerminalFactory) -> None:
    host = farm.add("gpu01")
    near = free_port()

    with shouting() as service:
        terminal = ports_screen(farm, tmux_factory, "gpu01")
        lazytui(farm, "expose", f"{service}:{near}", "--from", "gpu01", "--name", "jupyter")
        terminal.wait_for(re.compile(r"jupyter +● on"))
        host.stop()
        terminal.wait_for(re.compile(r"jupyter +◐ retrying"))
        terminal.wait_for(re.compile(r"refused.* · try \d+ in \d+ s"))
        host.start()
        terminal.wait_for(re.compile(r"jupyter +● on"))
        terminal.wait_for(re.compile(r"broke \d+s ago: connection lost"))
        answer = say(near, b"back")

    assert answer == b"BACK"
    leave(terminal)
    lazytui(farm, "stop-engine")


def test_the_screen_says_up_but_refused_and_what_a_test_meets(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("gpu01")
    nobody, near = free_port(), free_port()

    terminal = ports_screen(farm, tmux_factory, "gpu01", size=(120, 30))
    lazytui(farm, "expose", f"{nobody}:{near}", "--from", "gpu01")
    terminal.wait_for("● on")  # the tunnel itself is
    terminal.send("t")
    terminal.wait_for(re.compile(rf"✗ here:{near} +nothing listens on 127.0.0.1:{nobody} of gpu01"))
    terminal.send("Escape")
    terminal.wait_for(re.compile(r"#1 +◆ refused"))
    terminal.wait_for(f"nothing listens on 127.0.0.1:{nobody} of gpu01")

    leave(terminal)
    lazytui(farm, "stop-engine")


def test_a_port_that_is_taken_names_who_has_it_and_nothing_is_left(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("gpu01")

    with shouting() as service:
        terminal = ports_screen(farm, tmux_factory, "gpu01", size=(120, 30))
        terminal.send("a")
        terminal.wait_for("Expose a port")
        fill(terminal, str(service), source="gpu01")
        terminal.wait_for(re.compile(rf"port {service} is in use.*pid {os.getpid()}"))
        terminal.send("Escape")
        terminal.wait_for("No port is exposed yet")

    assert exposures(farm) == []
    leave(terminal)
    lazytui(farm, "stop-engine")


def test_p_shows_the_ports_of_a_host_and_esc_comes_back_to_its_row(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    for host in ("gpu01", "gpu02"):
        farm.add(host)
    near = free_port()

    with shouting() as service:
        lazytui(farm, "expose", f"{service}:{near}", "--from", "gpu02", "--name", "jupyter")
        terminal = tmux_factory((80, 24), farm.env())
        terminal.start([sys.executable, "-m", "lazytui"])
        terminal.wait_for(re.compile(r"gpu02 +● up"))
        terminal.send("p")
        terminal.wait_for("None of gpu01 is exposed")
        terminal.send("Escape")
        terminal.wait_for(re.compile(r"▌ +gpu01"))
        terminal.send("j", "p")
        terminal.wait_for(re.compile(r"jupyter +● on"))
        terminal.send("Escape")
        terminal.wait_for(re.compile(r"▌ +gpu02"))

    leave(terminal)
    lazytui(farm, "stop-engine")
