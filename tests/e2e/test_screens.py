"""The screens' promises, kept in a real terminal (tmux) on real sshd hosts.

Hosts: live load, reasons folded, a filter as one types, marks, sorting, details, what to do when a
host is down. Groups: from marks, from a filter, from a node set, used by name. And the program in
every size of terminal, resized in the middle, with keys nobody bound and text nobody would type.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from rich.cells import cell_len

if TYPE_CHECKING:
    from tests.sshd import SSHFarm
    from tests.tmux import Tmux

pytestmark = [pytest.mark.sshd, pytest.mark.tmux]

TerminalFactory = Callable[..., "Tmux"]
SIZES = [(40, 10), (80, 24), (130, 34), (200, 50)]


def start(
    farm: SSHFarm, tmux_factory: TerminalFactory, *words: str, size=(80, 24), **environ: str
) -> Tmux:
    env = {
        **farm.env(),
        "LAZYTUI_CONNECT_TIMEOUT_S": "2",
        "LAZYTUI_METRICS_INTERVAL_S": "0.5",
        **environ,
    }
    terminal = tmux_factory(size, env)
    terminal.start([sys.executable, "-m", "lazytui", *words])
    return terminal


def started(farm: SSHFarm, tmux_factory: TerminalFactory, *names: str, **options) -> Tmux:
    """Start hosts and the screen, and wait until all are up."""
    for name in names:
        farm.add(name)
    terminal = start(farm, tmux_factory, **options)
    for name in names:
        terminal.wait_for(re.compile(rf"{name} +● up"))
    return terminal


def leave(terminal: Tmux) -> None:
    terminal.send("C-q")
    assert terminal.wait_exit() == 0


def rows_of(terminal: Tmux, pattern: str) -> list[str]:
    return [row for row in terminal.screen() if re.search(pattern, row)]


def json_of(farm: SSHFarm, *words: str):
    done = subprocess.run(
        [sys.executable, "-m", "lazytui", *words, "--json"],
        env=farm.env(), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    return json.loads(done.stdout)


# Hosts


def test_rows_are_there_at_once_and_fill_with_live_load(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("good01")
    farm.add_silent("mute01")
    terminal = start(farm, tmux_factory, LAZYTUI_CONNECT_TIMEOUT_S="5")
    terminal.wait_for(re.compile(r"mute01 +◌ connecting"))
    terminal.wait_for(re.compile(r"good01 +● up +[▁-█]+ +\d+% +\d+% .*\d+%"))
    terminal.wait_for(re.compile(r"mute01 +○ down +no answer in 5 s"))
    leave(terminal)


def test_hosts_down_for_one_reason_share_a_row_that_opens_and_closes(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("good01")
    for number in range(1, 6):
        farm.add_refused(f"off{number:02}")
    terminal = start(farm, tmux_factory)
    terminal.wait_for(re.compile(r"off\[01-05\] ▸ +○ down +refused"))
    assert len(rows_of(terminal, "refused")) <= 2  # the row, and what is said of it below
    terminal.send("G", "Right")
    terminal.wait_for(re.compile(r"off03 +○ down"))
    terminal.send("Left")
    terminal.wait_gone("off03")
    leave(terminal)


def test_a_filter_works_while_it_is_typed_and_esc_takes_it_away(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    terminal = started(farm, tmux_factory, "gpu01", "gpu02", "cpu01")
    terminal.send("/")
    terminal.wait_for("enter keep")
    terminal.type("gp")
    terminal.wait_gone("cpu01")
    terminal.type(" !gpu01")
    terminal.wait_gone(re.compile(r"^.{0,3}gpu01", re.MULTILINE))
    terminal.wait_for(re.compile(r"gpu02 +● up"))
    terminal.send("Escape")
    for name in ("gpu01", "gpu02", "cpu01"):
        terminal.wait_for(re.compile(rf"{name} +● up"))
    leave(terminal)


@pytest.mark.parametrize(
    "text", ["cores>=1 mem>1M", "state:up", "gpu[01-02]", "/^gpu0/", "installed:sh"]
)
def test_every_kind_of_term_finds_real_hosts(
    text: str, farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add_refused("off01")
    terminal = started(farm, tmux_factory, "gpu01", "gpu02")
    terminal.wait_for("off01")
    terminal.send("/")
    terminal.wait_for("enter keep")
    terminal.type(text)
    terminal.wait_gone("off01")
    terminal.wait_for(re.compile(r"gpu02 +● up"))
    leave(terminal)


def test_a_range_is_marked_and_a_command_runs_there_grouped_by_output(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    terminal = started(farm, tmux_factory, "n1", "n2", "n3", "n4")
    terminal.send("g", "v", "j", "j", "v")
    terminal.wait_for("3 marked")
    terminal.send("r")
    terminal.wait_for("n[1-3]")
    terminal.type("echo same")
    terminal.send("Enter")
    terminal.wait_for(re.compile(r"n\[1-3\] +3 hosts · exit 0"))
    leave(terminal)
    assert {run["host"] for run in json_of(farm, "tasks")} == {"n1", "n2", "n3"}


def test_hosts_are_sorted_by_a_column_and_the_other_way_round(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    terminal = started(farm, tmux_factory, "b1", "a1", "c1")
    order = re.compile(r"b1 +● up.*\n.*a1 +● up.*\n.*c1 +● up")
    terminal.wait_for(order)
    terminal.send("o")
    terminal.wait_for("name")
    terminal.send("n")
    terminal.wait_for(re.compile(r"a1 +● up.*\n.*b1 +● up.*\n.*c1 +● up"))
    terminal.send("O")
    terminal.wait_for(re.compile(r"c1 +● up.*\n.*b1 +● up.*\n.*a1 +● up"))
    leave(terminal)


def test_a_host_that_is_down_says_why_how_it_was_tried_and_what_to_do(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add_refused("off01")
    terminal = start(farm, tmux_factory)
    terminal.wait_for(re.compile(r"off01 +○ down"))
    terminal.send("Enter")
    for words in ("What happened", "refused", "Way taken", "Config", "You could"):
        terminal.wait_for(words)
    terminal.send("Escape")
    terminal.wait_for(re.compile(r"1 Hosts"))
    leave(terminal)


def test_without_hosts_the_screen_says_what_was_read_and_what_to_do(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    terminal = start(farm, tmux_factory)
    terminal.wait_for("No hosts yet")
    terminal.wait_for("lazytui demo")
    leave(terminal)


def test_a_host_is_unmarked_by_nothing_that_happens_to_it(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    terminal = started(farm, tmux_factory, "n1", "n2")
    terminal.send("g", "space")
    terminal.wait_for("✓ n1")
    farm.ssh("n1", "kill -9 $PPID")  # its own sshd child only; ours comes back by itself
    terminal.wait_for("1 marked")
    terminal.wait_for(re.compile(r"✓ n1 +● up"))
    leave(terminal)


# Groups


def test_marked_hosts_become_a_group_that_is_used_by_its_name(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    terminal = started(farm, tmux_factory, "n1", "n2", "n3")
    terminal.send("g", "space", "space", "n")
    terminal.wait_for("New group")
    terminal.type("pair")
    terminal.send("Enter")
    terminal.wait_gone("New group")
    terminal.send("/")
    terminal.wait_for("enter keep")
    terminal.type("@pair")
    terminal.wait_gone("n3")
    terminal.wait_for(re.compile(r"n2 +● up"))
    leave(terminal)
    assert [group["name"] for group in json_of(farm, "groups")] == ["pair"]


def test_groups_of_the_command_line_stand_beside_the_hosts_where_there_is_room(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    farm.add("n1")
    subprocess.run(
        [sys.executable, "-m", "lazytui", "groups", "add", "single", "n1"],
        env=farm.env(), check=True, capture_output=True,
    )  # fmt: skip
    terminal = start(farm, tmux_factory, size=(140, 34))
    terminal.wait_for(re.compile(r"@single +1"))
    leave(terminal)


# Terminals


@pytest.mark.parametrize("size", SIZES)
def test_every_size_shows_hosts_tasks_and_output_and_overflows_nowhere(
    size, farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    terminal = started(farm, tmux_factory, "n1", "n2", size=size)
    for key, words in (("r", "Command"), ("?", "do it"), (":", "a command"), ("Enter", "overview")):
        terminal.send(key)
        terminal.wait_for(words)
        assert all(cell_len(row) <= size[0] for row in terminal.screen())
        terminal.send("Escape")
        terminal.wait_gone(words)
    for key, words in (("2", "No tasks"), ("6", "Events"), ("1", "● up")):
        terminal.send(key)
        terminal.wait_for(words)
        assert all(cell_len(row) <= size[0] for row in terminal.screen())
    leave(terminal)


def test_resized_while_output_flows_the_screen_goes_on(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    terminal = started(farm, tmux_factory, "n1")
    terminal.send("r")
    terminal.wait_for("n1")
    terminal.type("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); echo line $i; done; echo th''e end")
    terminal.send("Enter")
    terminal.wait_for(re.compile(r"line \d+"))
    for size in [*SIZES, *reversed(SIZES), (20, 5), (80, 24)]:
        terminal.resize(*size)
        terminal.wait_for("lazytui" if size[0] >= 80 else re.compile(r"\S"))
    terminal.wait_for(re.compile(r"^ *the end", re.MULTILINE))
    terminal.wait_for("✓ done")
    leave(terminal)


def test_keys_that_nobody_bound_do_nothing(farm: SSHFarm, tmux_factory: TerminalFactory) -> None:
    terminal = started(farm, tmux_factory, "n1")
    before = rows_of(terminal, "● up")
    for key in ("F5", "M-x", "C-l", "C-t", "C-x", "S-Up", "IC", "C-Left", "M-Escape"):
        terminal.send(key)
    terminal.type("#09,;~%é主")
    terminal.send("?")
    terminal.wait_for("do it")
    terminal.send("Escape")
    terminal.wait_for("n1")
    assert len(rows_of(terminal, "● up")) == len(before)
    leave(terminal)
    assert json_of(farm, "tasks") == []


@pytest.mark.parametrize("key", ["/", "r", ":"])
def test_ten_kilobytes_pasted_into_a_field_harm_nothing(
    key: str, farm: SSHFarm, tmux_factory: TerminalFactory, tmp_path
) -> None:
    terminal = started(farm, tmux_factory, "n1")
    paste = tmp_path / "paste"
    paste.write_text("x(*[& [/b] $HOME é主\n" * 500)
    terminal.send(key)
    terminal.wait_for({"/": "/ ", "r": "Command", ":": "a command"}[key])
    terminal._tmux("load-buffer", str(paste))
    terminal._tmux("paste-buffer", "-p")
    terminal.wait_for("x(*[&")
    terminal.send("Escape")
    terminal.wait_gone("x(*[&")
    terminal.wait_for(re.compile(r"n1 +● up"))
    leave(terminal)
    assert json_of(farm, "tasks") == []


def test_a_terminal_without_utf8_or_colours_is_served_by_itself(
    farm: SSHFarm, tmux_factory: TerminalFactory, tmp_path
) -> None:
    farm.add("n1")
    terminal = start(farm, tmux_factory, LC_ALL="C", NO_COLOR="1")
    terminal.wait_for(re.compile(r"n1 +\* up"))
    assert all(row.isascii() for row in terminal.screen())
    seen = tmp_path / "seen"
    terminal.record(seen)
    terminal.send("2", "1", "?")
    terminal.wait_for("do it")
    sent = seen.read_bytes()
    assert not re.search(rb"\x1b\[[0-9;]*[34]8;", sent)
    assert not re.search(rb"\x1b\[(?:[0-9]+;)*(?:3[0-7]|9[0-7]|4[0-7]|10[0-7])m", sent)
    terminal.send("Escape")
    leave(terminal)


def test_without_a_mouse_none_is_asked_for(
    farm: SSHFarm, tmux_factory: TerminalFactory, tmp_path
) -> None:
    farm.add("n1")
    seen = tmp_path / "seen"
    for words, asked in (([], True), (["--no-mouse"], False)):
        terminal = tmux_factory((80, 24), farm.env())
        terminal.start(f"script -qfc '{sys.executable} -m lazytui {' '.join(words)}' {seen}")
        terminal.wait_for(re.compile(r"n1 +● up"))
        terminal.send("C-q")
        terminal.wait_exit()
        assert (b"\x1b[?1000h" in seen.read_bytes()) is asked


def test_a_terminal_that_looks_on_only_runs_nothing(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    host = farm.add("n1")
    terminal = tmux_factory((100, 24), farm.env())
    terminal.start(f"exec {sys.executable} -m lazytui --readonly")
    terminal.wait_for(re.compile(r"n1 +● up"))
    terminal.wait_for("read-only")
    terminal.type("r")
    terminal.wait_for("read-only: started with --readonly")
    terminal.type("4")
    terminal.wait_for("Files")
    terminal.type("\tnnew\r")
    terminal.wait_for("free here")
    terminal.send("C-q")
    assert terminal.wait_exit() == 0
    assert [path.name for path in host.home.iterdir() if not path.name.startswith(".")] == []


def test_readonly_is_refused_where_it_would_not_be_heeded(farm: SSHFarm) -> None:
    farm.add_refused("n1")
    for words in (["run", "-w", "n1", "--", "true"], ["stop-engine"], ["tasks"]):
        done = subprocess.run(
            [sys.executable, "-m", "lazytui", "--readonly", *words],
            env=farm.env(),
            capture_output=True,
            check=False,
        )
        assert done.returncode == 2
        assert f"--readonly is for the screen: {words[0]}".encode() in done.stderr


@pytest.mark.parametrize("gone", ["0</dev/null", "1>/dev/null", "--in-process 2>/dev/null"])
def test_without_a_terminal_the_screen_is_refused(
    gone: str, farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    terminal = tmux_factory((80, 24), farm.env())
    terminal.start(f"{sys.executable} -m lazytui {gone}")
    assert terminal.wait_exit() == 2


def test_leaving_without_an_engine_names_the_batches_that_wait_and_they_go_on_at_the_next_start(
    farm: SSHFarm, tmux_factory: TerminalFactory
) -> None:
    go = farm.root / "go"
    farm.add("n1")
    farm.add("n2")
    terminal = start(farm, tmux_factory, "--in-process")
    terminal.wait_for(re.compile(r"n2 +● up"))
    terminal.send("*", "r")
    terminal.wait_for("one at a time")
    terminal.type(f"while [ ! -e {go} ]; do sleep 0.05; done")
    terminal.send("BTab", "Right", "Enter")
    terminal.wait_for(re.compile(r"1 running.*1 queued|1▸.*1○", re.DOTALL))
    terminal.send("C-q")
    terminal.wait_for("Leave lazytui?")
    terminal.wait_for(re.compile(r"Not started yet.*\n.*n2", re.DOTALL))
    terminal.wait_for(re.compile(r"found again under Tasks.*\n.*n1", re.DOTALL))
    terminal.send("q")
    assert terminal.wait_exit() == 0
    go.touch()

    again = start(farm, tmux_factory)
    again.wait_for(re.compile(r"n1 +● up"))
    again.send("2")
    again.wait_for(re.compile(r"✓ done"))
    leave(again)
    runs = json_of(farm, "tasks")
    assert [(run["host"], run["state"]) for run in sorted(runs, key=lambda run: run["host"])] == [
        ("n1", "succeeded"),
        ("n2", "succeeded"),
    ]
