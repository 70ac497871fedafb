"""``lazytui expose``, ``unexpose`` and ``ports``, on real sshd and with a real engine process."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from lazytui.core.exposure_model import Service
from lazytui.core.port_text import read_choices, read_services
from lazytui.errors import UsageError
from tests.engines import lazytui, lazytui_here, lazytui_started
from tests.services import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sshd import SSHFarm

pytestmark = pytest.mark.sshd


@pytest.fixture
def engine_farm(farm: SSHFarm) -> Iterator[SSHFarm]:
    """A farm whose user's engine is ended with the test."""
    yield farm
    lazytui(farm, "stop-engine")


@contextmanager
def shouting() -> Iterator[int]:
    """A service on this machine that gives back what it gets, upper case; gives its port."""

    def serve(sock: socket.socket) -> None:
        with sock:
            while data := sock.recv(4096):
                sock.sendall(data.upper())

    def accept() -> None:
        try:
            while True:
                threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
        except OSError:
            return  # closed

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def say(port: int, text: bytes, address: str = "127.0.0.1") -> bytes:
    with socket.create_connection((address, port), timeout=30) as sock:
        return said(sock, text)


def said(sock: socket.socket, text: bytes) -> bytes:
    sock.sendall(text)
    sock.shutdown(socket.SHUT_WR)
    return b"".join(iter(lambda: sock.recv(4096), b""))


def said_through_proxy(proxy: int, port: int, text: bytes) -> bytes:
    """Be a client of SOCKS 5 (RFC 1928) that knows its service by a name."""
    with socket.create_connection(("127.0.0.1", proxy), timeout=30) as sock:
        sock.sendall(b"\x05\x01\x00")
        assert sock.recv(2) == b"\x05\x00"
        sock.sendall(b"\x05\x01\x00\x03\x09localhost" + port.to_bytes(2, "big"))
        assert sock.recv(10)[:2] == b"\x05\x00"
        return said(sock, text)


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def listed(farm: SSHFarm) -> list[dict[str, object]]:
    return json.loads(lazytui(farm, "ports", "--json").stdout)


# --- words -----------------------------------------------------------------------------------


def test_services_are_ports_ranges_and_pairs() -> None:
    assert read_services(["8888", "6000-6001,7000", "80:8080"]) == (
        Service(8888, 8888),
        Service(6000, 6000),
        Service(6001, 6001),
        Service(7000, 7000),
        Service(80, 8080),
    )


def test_choices_are_ports_and_ranges() -> None:
    assert read_choices("6000-6002,7000") == [6000, 6001, 6002, 7000]


@pytest.mark.parametrize("text", ["", "x", "0", "65536", "8-x", "9-8", "-1", "1:", "٣"])
def test_what_is_no_port_is_said_to_be_none(text: str) -> None:
    with pytest.raises(UsageError):
        read_services([text])


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["expose", "80"], "--from HOST, --to WHERE"),
        (["expose", "80", "--to", "gpu01", "--from", "gpu01"], "--to-group"),
        (["expose", "x", "--from", "gpu01"], "a port is a number"),
        (["expose", "80", "--from", "nobody"], "no host of the ssh config"),
        (["expose", "80", "--from", "gpu01", "--bind", "0.0.0.0"], "confirm"),
        (["expose", "8003-8000", "--from", "gpu01"], "ends before it begins"),
        (["expose", "80:90", "81:90", "--from", "gpu01"], "named twice"),
        (["expose", "1080", "--socks"], "--from HOST"),
        (["expose", "80", "--to", "@nobodies"], "nobodies"),
        (["expose", "80", "--from", "gpu01", "--port", "6000-x"], "a port is a number"),
        (["expose", "80", "--from", "gpu01", "--bind", "here"], "no address to listen on"),
        (["unexpose"], "say which"),
        (["unexpose", "7"], "no exposure 7"),
        (["ports", "test", "web"], "no exposure web"),
        (["ports", "suggest", "nobody"], "no host of the ssh config"),
    ],
)
def test_what_cannot_be_meant_is_exit_2_with_what_to_do(
    farm: SSHFarm,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    words: list[str],
    complaint: str,
) -> None:
    farm.add_refused("gpu01")
    more = ["--foreground"] if words[0] == "expose" else []

    code, _, err = lazytui_here(farm, monkeypatch, capfd, *words, *more)

    assert code == 2
    assert complaint in err


# --- in the foreground -----------------------------------------------------------------------


def test_in_the_foreground_it_stays_until_ctrl_c_and_ends_with_itself(farm: SSHFarm) -> None:
    farm.add("gpu01")
    port = free_port()

    with shouting() as service:
        words = ("expose", f"{service}:{port}", "--from", "gpu01", "--foreground")
        with lazytui_started(farm, *words) as process:
            assert process.stdout is not None
            said = process.stdout.readline().decode()
            answer = say(port, b"hello")
            (shown,) = listed(farm)
            process.send_signal(signal.SIGINT)
            code = process.wait(20)
        left = listed(farm)

    assert f"reachable at 127.0.0.1:{port}" in said
    assert answer == b"HELLO"
    assert (shown["state"], shown["held_by"]) == ("on", process.pid)
    assert (code, left) == (130, [])


def test_a_host_that_is_not_reached_is_exit_3(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    farm.add_refused("down")

    words = ("expose", "80", "--port", str(free_port()), "--from", "down", "--foreground")
    code, out, err = lazytui_here(farm, monkeypatch, capfd, *words)

    assert (code, out) == (3, "")
    assert "down: refused" in err


def test_a_port_that_is_taken_is_exit_1_and_names_who_has_it(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    farm.add("gpu01")

    with shouting() as port:
        words = ("expose", str(port), "--from", "gpu01", "--foreground")
        code, _, err = lazytui_here(farm, monkeypatch, capfd, *words)

    assert code == 1
    assert f"port {port} is in use" in err


def test_nothing_exposed_is_an_empty_list(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    farm.add_refused("gpu01")

    table = lazytui_here(farm, monkeypatch, capfd, "ports")
    array = lazytui_here(farm, monkeypatch, capfd, "ports", "--json")

    assert table == (0, "", "lazytui: nothing is exposed: lazytui expose 8888 --from HOST\n")
    assert array == (0, "[]\n", "")


# --- with the engine -------------------------------------------------------------------------


def test_the_engine_holds_what_a_command_has_exposed(engine_farm: SSHFarm) -> None:
    farm = engine_farm
    farm.add("gpu01")
    farm.add("gpu02")
    near, far, relay = free_port(), free_port(), free_port()

    with shouting() as service:
        for words in (
            (f"{service}:{near}", "--from", "gpu01", "--name", "web"),
            (f"{service}", "--to", "gpu01", "--port", f"{service},{far}"),
            (f"{service}:{relay}", "--from", "gpu01", "--to-group", "gpu[01-02]"),
        ):
            done = lazytui(farm, "expose", *words)
            assert (done.returncode, done.stderr) == (0, b""), done
        answers = [say(port, b"held") for port in (near, far, relay)]
        shown = listed(farm)
        tested = lazytui(farm, "ports", "test", "web")
        ended = lazytui(farm, "unexpose", "web", str(shown[1]["id"]))
        left = listed(farm)

    assert answers == [b"HELD"] * 3
    assert [each["state"] for each in shown] == ["on"] * 3
    assert [each["hosts"] for each in shown] == [["gpu01"], ["gpu01"], ["gpu01", "gpu02"]]
    keys = {"id", "direction", "local", "remote", "hosts", "state", "reason", "connections"}
    assert keys | {"bytes_in", "bytes_out"} <= shown[0].keys()
    assert (shown[0]["local"], shown[0]["remote"]) == (
        f"127.0.0.1:{near}",
        f"gpu01:{service}",
    )
    assert (tested.returncode, b"answers" in tested.stdout) == (0, True)
    assert (ended.returncode, len(left)) == (0, 1)


def test_a_group_a_range_of_choices_several_services_and_a_proxy_are_one_line_each(
    engine_farm: SSHFarm,
) -> None:
    farm = engine_farm
    farm.add("gpu01")
    farm.add("db01")
    lazytui(farm, "groups", "add", "train", "gpu01")
    proxy, near, relay = free_port(), free_port(), free_port()

    with shouting() as service, shouting() as other, shouting() as taken:
        first = next(port for port in range(taken + 1, 65000) if is_free(port))
        lines = (
            (f"{service}", "--to", "@train", "--port", f"{taken},{first}"),
            (f"{service}:{near}", str(other), "--from", "gpu01", "--bind", "127.0.0.2"),
            (f"{service}:{relay}", "--from", "db01", "--to-group", "@train"),
            (str(proxy), "--socks", "--from", "gpu01"),
        )
        made = [lazytui(farm, "expose", "--json", *words) for words in lines]
        answers = [say(first, b"a"), say(near, b"b", "127.0.0.2"), say(other, b"c", "127.0.0.2")]
        answers += [say(relay, b"d"), said_through_proxy(proxy, service, b"e")]
        shown = listed(farm)

    assert [(each.returncode, each.stderr) for each in made] == [(0, b"")] * 4
    assert answers == [b"A", b"B", b"C", b"D", b"E"]
    assert [each["group"] for each in shown] == ["train", None, "train", None]
    assert shown[1]["local"] == f"127.0.0.2:{near}, 127.0.0.2:{other}"
    assert {each["state"] for each in shown} == {"on"}


def test_an_engine_that_was_killed_is_on_the_same_ports_again_with_the_next_command(
    engine_farm: SSHFarm,
) -> None:
    farm = engine_farm
    farm.add("gpu01")
    port, other = free_port(), free_port()

    with shouting() as service:
        lazytui(farm, "expose", f"{service}:{port}", "--from", "gpu01")
        pid = _engine_pid(farm)
        subprocess.run(["kill", "-9", str(pid)], check=True)
        lazytui(farm, "expose", f"{service}:{other}", "--from", "gpu01")
        answers = [say(each, b"again") for each in (port, other)]
        states = {each["state"] for each in listed(farm)}

    assert answers == [b"AGAIN"] * 2
    assert states == {"on"}


def test_stop_start_and_auto_change_what_is_up(engine_farm: SSHFarm) -> None:
    farm = engine_farm
    farm.add("gpu01")
    port = free_port()

    with shouting() as service:
        lazytui(farm, "expose", f"{service}:{port}", "--from", "gpu01", "--name", "web")
        lazytui(farm, "ports", "stop", "web")
        (off,) = listed(farm)
        lazytui(farm, "ports", "auto", "web", "off")
        lazytui(farm, "ports", "start", "web")
        (on,) = listed(farm)
        answer = say(port, b"on")

    assert (off["state"], off["auto"]) == ("off", True)
    assert (on["state"], on["auto"]) == ("on", False)
    assert answer == b"ON"


def test_edit_and_restart_change_what_is_up_and_what_fails_leaves_it_as_it_was(
    engine_farm: SSHFarm,
) -> None:
    farm = engine_farm
    farm.add("gpu01")
    port, other = free_port(), free_port()

    with shouting() as service, shouting() as taken:
        lazytui(farm, "expose", f"{service}:{port}", "--from", "gpu01", "--name", "web")
        moved = lazytui(farm, "ports", "edit", "web", "--port", str(other), "--name", "site")
        after = (is_free(port), say(other, b"moved"))
        failed = lazytui(farm, "ports", "edit", "site", "--port", str(taken))
        nothing = lazytui(farm, "ports", "edit", "site")
        again = lazytui(farm, "ports", "restart", "site")
        answer = _answer_of(other)
        (shown,) = listed(farm)

    assert (moved.returncode, moved.stderr) == (0, b"")
    assert f"reachable at 127.0.0.1:{other}" in moved.stdout.decode()
    assert after == (True, b"MOVED")
    assert (failed.returncode, b"free" in failed.stderr) == (1, True)
    assert (nothing.returncode, b"say what shall be other" in nothing.stderr) == (2, True)
    assert (again.returncode, answer) == (0, b"AGAIN")
    assert (shown["name"], shown["local"]) == ("site", f"127.0.0.1:{other}")


def _answer_of(port: int) -> bytes:
    """Ask until a listener that is set up again answers."""
    for _ in range(200):
        if not is_free(port):
            return say(port, b"again")
        time.sleep(0.05)
    raise AssertionError(f"nothing listens on {port}")


def test_what_listens_on_a_host_is_suggested_with_its_program(
    farm: SSHFarm, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    farm.add("gpu01")

    with shouting() as port:
        code, out, _ = lazytui_here(farm, monkeypatch, capfd, "ports", "--json", "suggest", "gpu01")

    (found,) = [each for each in json.loads(out) if each["port"] == port]
    assert code == 0
    assert (found["pid"], bool(found["program"])) == (os.getpid(), True)


def _engine_pid(farm: SSHFarm) -> int:
    (lock,) = farm.home.rglob("engine-*.lock")
    return int(lock.read_text().partition(":")[0])
