"""The doctor's look at files: state, journal, spool, settings, ssh config."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.commands.doctor_checks import LITTLE_SPACE_BYTES, Finding, Health, mode_of
from lazytui.core.paths import Paths
from lazytui.errors import LazytuiError
from lazytui.text import size_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lazytui.commands.call import Call


def folders(call: Call) -> Iterator[Finding]:
    """Rights, room and file system of the state folder."""
    from lazytui.core.journal_file import network_file_system

    paths = Paths.of_user(call.environ)
    state = paths.state_dir
    if not state.exists():
        yield Finding("state", Health.FINE, f"{state}, not made yet")
        return
    for folder in (state.parent, state, paths.spool_dir):
        if folder.exists():
            health, wrong, advice = mode_of(folder)
            if wrong:
                yield Finding("state", health, f"{folder} {wrong}", advice)
    if not os.access(state, os.W_OK | os.X_OK):
        advice = "make it writable, or set XDG_STATE_HOME to a folder of yours"
        yield Finding("state", Health.BROKEN, f"{state} cannot be written", advice)
        return
    free = shutil.disk_usage(state).free
    if free < LITTLE_SPACE_BYTES:
        advice = "make room, or forget old tasks (D on the Tasks screen)"
        yield Finding("state", Health.ATTENTION, f"{state}: only {size_text(free)} free", advice)
    else:
        yield Finding("state", Health.FINE, f"{state}, {size_text(free)} free")
    if network := network_file_system(state):
        advice = "for more speed set XDG_STATE_HOME to a local folder that outlives a reboot"
        text = f"the state is on a network file system ({network}): written more slowly"
        yield Finding("state", Health.ATTENTION, text, advice)


def journal(call: Call) -> Iterator[Finding]:
    """Whether the journal can be read, and is whole."""
    from lazytui.core.journal_file import open_readonly

    path = Paths.of_user(call.environ).journal
    set_aside = (
        sorted(path.parent.glob("journal.db.corrupt-*[0-9]")) if path.parent.exists() else []
    )
    for old in set_aside:
        advice = "it was set aside when it could not be read; remove it when you miss nothing"
        yield Finding("journal", Health.ATTENTION, f"{old.name}", advice)
    if not path.exists():
        yield Finding("journal", Health.FINE, "none yet")
        return
    try:
        connection = open_readonly(path)
        try:
            (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
            (count,) = connection.execute("SELECT count(*) FROM runs").fetchone()
        finally:
            connection.close()
    except (sqlite3.Error, LazytuiError, OSError) as error:
        advice = "lazytui sets a broken journal aside at its next start, and begins a new one"
        yield Finding("journal", Health.BROKEN, f"{path}: {error}", advice)
        return
    size = path.stat().st_size
    if verdict != "ok":
        advice = f"copy it, then: sqlite3 {path} .recover | sqlite3 recovered.db"
        yield Finding("journal", Health.BROKEN, f"{path} is damaged: {verdict}", advice)
    else:
        text = f"whole, {count} runs, {size_text(size)}, {mode}"
        yield Finding("journal", Health.FINE, text)


def spool(call: Call) -> Iterator[Finding]:
    """How much output is kept."""
    folder = Paths.of_user(call.environ).spool_dir
    count = size = 0
    if folder.exists():
        with os.scandir(folder) as entries:
            for entry in entries:
                count += 1
                size += entry.stat(follow_symlinks=False).st_size
    yield Finding("spool", Health.FINE, f"{size_text(size)} of output in {count} files")


def settings(call: Call) -> Iterator[Finding]:
    """What is wrong in the settings, with the line."""
    from lazytui.core import settings as settings_file

    _, problems = settings_file.load()
    file = Paths.of_user(call.environ).config_file
    for problem in problems:
        yield Finding("settings", Health.ATTENTION, str(problem), "correct the line; until then "
                      "the default is used")  # fmt: skip
    if not problems:
        yield Finding("settings", Health.FINE, str(file) if file.exists() else "the defaults")


def ssh_config(call: Call) -> Iterator[Finding]:
    """What is wrong in the ssh config, with file and line, and who may read the keys."""
    from lazytui.ssh.config import SSHConfig

    given = call.arguments.ssh_config
    try:
        config = SSHConfig.load(Path(given) if given else None)
    except LazytuiError as error:
        yield Finding("ssh config", Health.BROKEN, str(error), "correct the file, or -F another")
        return
    count = len(config.entries)
    for problem in config.problems:
        yield Finding("ssh config", Health.ATTENTION, str(problem), "correct that line; ssh -G "
                      "HOST shows how ssh reads it")  # fmt: skip
    if not count:
        yield Finding("ssh config", Health.ATTENTION, f"no hosts in {call.config_path}",
                      "add a `Host` entry, or try lazytui demo")  # fmt: skip
    else:
        skipped = len(config.skipped_patterns)
        more = f", {skipped} patterns skipped" if skipped else ""
        noun = "host" if count == 1 else "hosts"
        yield Finding("ssh config", Health.FINE, f"{count} {noun} in {call.config_path}{more}")
    folder = Path(call.environ.get("HOME") or Path.home()) / ".ssh"
    for path in (folder, folder / "config", folder / "known_hosts"):
        if path.exists() and (found := mode_of(path))[0] is Health.BROKEN:
            yield Finding("ssh config", found[0], f"{path} {found[1]}", found[2])
    for key in sorted(folder.glob("id_*")):
        if key.suffix != ".pub" and (found := mode_of(key))[0] is not Health.FINE:
            text = f"{key} {found[1]}; ssh does not use it"
            yield Finding("keys", Health.ATTENTION, text, found[2])
