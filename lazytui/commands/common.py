"""What the commands share: exit codes, an engine of their own, and who is meant by a WHERE."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.core.model import HostState
from lazytui.text import sanitize

if TYPE_CHECKING:
    import argparse
    from collections.abc import AsyncIterator, Iterable, Sequence

    from lazytui.core.engine import Engine
    from lazytui.core.groups import Group
    from lazytui.core.probes import Probe
    from lazytui.core.where import Where
    from lazytui.ssh.config import SSHConfig

OK, FAILED, USAGE, NOT_REACHED, INTERRUPTED = 0, 1, 2, 3, 130


def load_config(arguments: argparse.Namespace, *, quiet: bool = False) -> SSHConfig:
    """Read the ssh config that ``-F`` names, or the user's.

    Args:
        arguments: of the command line.
        quiet: its problems are shown elsewhere, not on stderr.

    Raises:
        UsageError: the file that ``-F`` names cannot be read.
    """
    from lazytui.errors import SettingsError, UsageError
    from lazytui.ssh.config import SSHConfig

    given = arguments.ssh_config
    try:
        config = SSHConfig.load(Path(given) if given else None)
    except SettingsError as error:
        raise UsageError(str(error)) from error
    if not quiet:
        complain(config.problems)
    return config


def config_path(arguments: argparse.Namespace) -> str:
    """Give the ssh config as the user knows it."""
    return arguments.ssh_config or "~/.ssh/config"


def complain(problems: Iterable[object]) -> None:
    """Tell problems on stderr, one a line."""
    for problem in problems:
        say(str(problem))


def say(text: str) -> None:
    """Tell the user something on stderr."""
    print(f"lazytui: {sanitize(text)}", file=sys.stderr)


@contextlib.asynccontextmanager
async def engine(
    arguments: argparse.Namespace, *, on_screen: bool = False, config: SSHConfig | None = None
) -> AsyncIterator[Engine]:
    """Give an engine that lives as long as the command.

    Args:
        arguments: of the command line.
        on_screen: questions and problems wait for the screen instead of going to the terminal.
        config: the ssh config, if it has been read, its problems told.

    Raises:
        LazytuiError: settings folder, journal or ssh config cannot be used.
    """
    from lazytui.clusters.registry import ClusterRegistry
    from lazytui.commands.asking import TerminalAsker
    from lazytui.core import settings as settings_file
    from lazytui.core.engine import Engine
    from lazytui.core.paths import Paths

    config = config or load_config(arguments, quiet=on_screen)
    settings, problems = settings_file.load()
    if not on_screen:
        complain(problems)
    paths = Paths.of_user()
    paths.create()
    log_to(paths.log_file)
    made = Engine(
        config,
        settings,
        paths,
        asker=None if on_screen else TerminalAsker(),
        origin="screen" if on_screen else "command line",
        config_path=config_path(arguments),
        problems=problems,
    )
    async with made, ClusterRegistry(made) as clusters:
        if on_screen:
            await clusters.take_over()
        else:
            complain(made.journal.notices)
        yield made


def log_to(path: Path) -> None:
    """Send the program's log to a file that does not grow for ever; never to the terminal."""
    import logging
    from logging.handlers import RotatingFileHandler

    root = logging.getLogger("lazytui")
    if root.handlers:
        return
    with contextlib.suppress(OSError):
        handler = RotatingFileHandler(path, maxBytes=1 << 20, backupCount=2, delay=True)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        root.propagate = False


async def select(engine: Engine, words: Sequence[str], *, default_all: bool = False) -> list[str]:
    """Give the hosts that a WHERE names, detecting them first when it asks for facts.

    Args:
        engine: knows the hosts.
        words: the WHERE as it came from the shell.
        default_all: no WHERE means every host of the ssh config.

    Raises:
        UsageError: it does not parse, or names an unknown host or group.
    """
    from lazytui.errors import UsageError

    where = parse(words)
    if where is None:
        if default_all:
            return list(engine.runtimes)
        raise UsageError("say where: -w HOSTS, -w @group, or -w '*' for every host")
    chosen = await engine.select(where)
    if not chosen:
        raise UsageError(f"no host matches {where.text}")
    return chosen


def parse(words: Sequence[str]) -> Where | None:
    """Parse a WHERE of the command line, where a bare word is an exact name."""
    from lazytui.core.where import parse_where

    text = " ".join(words).strip()
    return parse_where(text, bare_words="exact") if text else None


class Listed:
    """A host of which only the name is known."""

    state = HostState.LISTED
    info = None
    metrics = None

    def __init__(self, host: str) -> None:
        self.host = host

    def tags(self) -> tuple[str, ...]:
        """No tags."""
        return ()

    def answer(self, probe: Probe) -> None:
        """It was not asked."""


def kept_groups(hosts: Sequence[Listed]) -> list[Group]:
    """Give the groups, as far as names say who is in them; the journal is only read.

    Args:
        hosts: all hosts of the ssh config.
    """
    from lazytui.core.groups import evaluate
    from lazytui.core.journal import read_journal
    from lazytui.core.paths import Paths

    paths = Paths.of_user()
    with read_journal(paths.journal, paths.spool_dir) as journal:
        records = journal.groups() if journal else []
    return evaluate(records, hosts)


def broken_pipe() -> int:
    """Leave quietly when who reads our output has gone; the exit code of SIGPIPE."""
    with contextlib.suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 141
