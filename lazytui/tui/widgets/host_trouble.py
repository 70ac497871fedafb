"""Why a host cannot be used: what happened, on which way, and what could be done."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from lazytui.text import age_text, sanitize
from lazytui.tui.widgets.cells import Piece, Row, fit, place
from lazytui.tui.widgets.host_panel import wrapped

if TYPE_CHECKING:
    from lazytui.tui.context import RuntimeView

LABEL = 16
LOG_LINES = 12

# What is behind an error of each kind, as far as one can tell from here.
LIKELY = {
    "timeout": "the host is off, or a firewall drops what is sent to it",
    "refused": "the host is there, but no sshd listens on this port",
    "unreachable": "this machine has no way to that network: a VPN, a cable, a route",
    "dns": "the name is misspelt, or known to another network's name server only",
    "auth": "the right key is not offered, or not in the host's authorized_keys",
    "password": "a key in the host's authorized_keys would do without a password",
    "asks": "somebody has to type it: Q",
    "unknown-key": "nobody has connected there from here before",
    "hostkey": "the host was installed anew, or somebody stands in between",
    "python": "lazytui needs Python on a host, and installs nothing",
    "shell": "the login shell is for something else, or its start-up files fail",
    "agent": "start-up files write to the terminal, or the disk is full",
    "kex": "the server is much older or much stricter than this machine",
    "closed": "too many connections at once, or a rule on the server (fail2ban, MaxStartups)",
    "bastion": "the bastion cannot reach it: its firewall, its sshd settings, the name there",
    "proxy": "the ProxyCommand failed; its words are above",
    "not-ssh": "something else listens on this port",
    "config": "the ssh config leads back to where it began",
    "limit": "this machine has too many files open",
}


def ssh_line(host: str, config_path: str) -> str:
    """Give the command that connects to a host with everything told.

    Args:
        host: the alias.
        config_path: the ssh config in use, as the user knows it.
    """
    words = ["ssh", "-v"]
    if config_path != "~/.ssh/config":
        words += ["-F", config_path]
    return shlex.join([*words, "--", host] if host.startswith("-") else [*words, host])


def trouble_rows(runtime: RuntimeView, since_s: float, ssh: str, cells: int) -> list[Row]:
    """Tell all about a host that cannot be used.

    Args:
        runtime: the host.
        since_s: for how long it has been so, in seconds.
        ssh: the command that would show more.
        cells: the width of a row.
    """
    room = max(1, cells - LABEL)
    rows: list[Row] = [
        [
            *place([Piece("○ ", "broken"), Piece("not reachable", bold=True)], LABEL),
            Piece(f"for {age_text(since_s)}", "quiet"),
        ],
        [],
    ]
    rows += _told("What happened", sanitize(runtime.reason), room)
    rows.append(place([_label("Way taken"), *_way(runtime)], cells))
    if tried := _tried(runtime):
        rows.append(place([_label("Tried"), Piece(tried)], cells))
    if runtime.entry:
        at = f"{sanitize(runtime.entry.path)}:{runtime.entry.line}"
        named = Piece(f"   Host {sanitize(runtime.host)}", "quiet")
        rows.append(place([_label("Config"), Piece(at), named], cells))
    if likely := LIKELY.get(runtime.error_kind):
        rows += [[], *_told("Likely", likely, room)]
    rows += [
        [],
        place([_label("You could"), Piece("R", "keys", bold=True), Piece("  try now")], cells),
        place(
            [_label(""), Piece("y", "keys", bold=True), Piece(f"  copy  {sanitize(ssh)}")], cells
        ),
    ]
    lines = log_rows(runtime, cells)[-LOG_LINES:]
    if lines:
        rows += [[], [Piece("Connection log", "quiet")], *lines]
    return rows


def log_rows(runtime: RuntimeView, cells: int) -> list[Row]:
    """Give the lines of a host's connection log, the newest last."""
    rows: list[Row] = []
    for line in runtime.log:
        time, _, text = sanitize(line).partition(" ")
        rows.append([Piece(f"{time}  ", "quiet"), Piece(fit(text, max(0, cells - len(time) - 2)))])
    return rows


def _label(text: str) -> Piece:
    return Piece(text.ljust(LABEL), "quiet")


def _told(label: str, text: str, room: int) -> list[Row]:
    """Give a sentence beside its label, over as many rows as it needs."""
    rows = wrapped(text, room) or [[]]
    return [[_label("" if index else label), *row] for index, row in enumerate(rows)]


def _way(runtime: RuntimeView) -> list[Piece]:
    """Draw the way hop by hop, up to where it ended."""
    pieces = [Piece("here")]
    for jump in map(sanitize, runtime.jumps):
        broken = sanitize(runtime.reason).startswith(f"bastion {jump}:")
        pieces += [Piece(" › ", "faint"), Piece(jump), *_mark(reached=not broken)]
        if broken:
            return [*pieces, Piece(" › ", "faint"), Piece(sanitize(runtime.address), "quiet")]
    return [*pieces, Piece(" › ", "faint"), Piece(sanitize(runtime.address)), *_mark(reached=False)]


def _mark(*, reached: bool) -> list[Piece]:
    return [Piece(" ✓", "fine")] if reached else [Piece(" ✗", "broken")]


def _tried(runtime: RuntimeView) -> str:
    """Say how often it was tried, when last, and when next."""
    parts = []
    if runtime.attempts:
        parts.append("once" if runtime.attempts == 1 else f"{runtime.attempts} times")
    if (last := runtime.last_try_s()) is not None:
        parts.append(f"last {age_text(last)} ago")
    if (soon := runtime.next_try_s()) is not None:
        parts.append(f"next in {round(soon)} s")
    return ", ".join(parts)
