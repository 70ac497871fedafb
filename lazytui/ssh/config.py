"""The ssh config: read once, it lists its hosts and resolves any of them in microseconds.

The meaning is OpenSSH's: what ``ssh -G host`` says. Two things differ on purpose. A mistake
costs only the line (or, in a ``Host`` or ``Match`` line, the block) that it is in, and is
told; ssh would refuse to work at all. And nothing is run or looked up on the network while
reading or listing: ``Match exec`` counts as not matching until a connection is really wanted.
"""

from __future__ import annotations

import os
import pwd
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from lazytui.errors import SettingsError
from lazytui.ssh.config_files import (
    Block,
    ConfigProblem,
    ConfigReader,
    HostEntry,
    Stamp,
    reason,
    stamp,
)
from lazytui.ssh.config_keywords import NO_JUMP, Command, Removal, Setting
from lazytui.ssh.config_match import (
    HostCondition,
    MatchCondition,
    Scope,
    expand_hostname,
)
from lazytui.ssh.config_options import HostOptions, build_options, canonical_host
from lazytui.ssh.config_syntax import matches

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

__all__ = ["ConfigProblem", "HostEntry", "HostOptions", "SSHConfig"]

SYSTEM_PATH = Path("/etc/ssh/ssh_config")
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class SSHConfig:
    """The blocks of all files, in the order of their precedence. Make one with :meth:`load`.

    Attributes:
        entries: the hosts that are named, each once, in order of first appearance.
        problems: what ssh would refuse, with its place.
        skipped_patterns: wildcards and negations of ``Host`` lines, which name no host.
        files: every file that was read, with the time (ns) and size (bytes) it had.
        has_match_exec: some ``Match`` line runs a command, so resolving for a connection
            may take as long as that command.
    """

    def __init__(self, reader: ConfigReader, *, home: str, local_user: str) -> None:
        self._home = home
        self._local_user = local_user
        self._source: tuple[Path | None, Path | None, str | None, Path | None]
        self._blocks: list[Block] = []
        self._by_name: defaultdict[str, list[int]] = defaultdict(list)
        self._for_any: list[int] = []
        self._cache: dict[str, HostOptions] = {}
        self._watched = tuple(reader.watched.values())
        self._index(reader.blocks)
        lines = [c for block in reader.blocks for c in block.conditions]
        matching = [line for line in lines if isinstance(line, MatchCondition)]
        self.has_match_exec = any(line.asks_for("exec") for line in matching)
        self._has_final = any(line.asks_for("final") for line in matching)
        self.problems: tuple[ConfigProblem, ...] = tuple(reader.problems)
        self.skipped_patterns: tuple[str, ...] = tuple(reader.skipped_patterns)
        self.files: tuple[Stamp, ...] = tuple(reader.files.values())
        self.entries: tuple[HostEntry, ...] = tuple(self._unique(reader.entries))

    @classmethod
    def load(
        cls,
        path: Path | None = None,
        *,
        home: Path | None = None,
        local_user: str | None = None,
        system_path: Path | None = SYSTEM_PATH,
    ) -> Self:
        """Read the config.

        Args:
            path: ssh's ``-F``: only this file, or no file at all if it is ``none``. By
                default the user's file, then the system's; either may be missing.
            home: what ``~`` stands for; by default ``$HOME``.
            local_user: who runs lazytui; by default the process's user.
            system_path: the system's file, or None for none.

        Raises:
            SettingsError: the given file cannot be read.
        """
        home_path = str(home or Path.home())
        reader = ConfigReader(home_path, os.environ)
        if path is None:
            _read_default_files(reader, home_path, system_path)
        elif str(path).lower() != "none":
            _read_given_file(reader, str(path))
        made = cls(reader, home=home_path, local_user=local_user or _process_user())
        made._source = (path, home, local_user, system_path)
        return made

    @property
    def user_file(self) -> Path | None:
        """The file that the user's own hosts are in, there or not; None for ``-F none``."""
        path, home, _, _ = self._source
        if path is None:
            return (home or Path.home()) / ".ssh" / "config"
        return None if str(path).lower() == "none" else path

    def again(self) -> Self:
        """Read the same files anew.

        Raises:
            SettingsError: the file that was given cannot be read.
        """
        path, home, local_user, system_path = self._source
        return self.load(path, home=home, local_user=local_user, system_path=system_path)

    def changed(self) -> bool:
        """True when a file or an include folder looks different now (stat only)."""
        return any(stamp(before[0]) != before for before in self._watched)

    def resolve(self, alias: str, *, run_exec: bool = False) -> HostOptions:
        """Give the options of one host; it need not be listed.

        Args:
            alias: the host as typed: no user, no port.
            run_exec: run the commands of ``Match exec`` (they may take seconds: call it in
                a thread when ``has_match_exec``); otherwise such a line does not match.
        """
        runs = run_exec and self.has_match_exec
        known = None if runs else self._cache.get(alias)
        if known is not None:
            return known
        hostname, values = self._collect(alias, run_exec=runs)
        options = build_options(
            alias,
            hostname,
            values,
            local_user=self._local_user,
            home=self._home,
            environment=os.environ,
        )
        if not runs:
            self._cache[alias] = options
        return options

    def runtime_key(self, alias: str) -> tuple[Hashable, ...]:
        """Give a key that is equal for aliases that are one runtime.

        Only this machine has several names by itself: ``localhost``, ``127.0.0.1`` and
        ``::1`` with the same port and user. Any other two aliases stay two.
        """
        if alias not in LOOPBACK:
            return (alias,)
        options = self.resolve(alias)
        if options.hostname not in LOOPBACK or options.proxy_jump or options.proxy_command:
            return (alias,)
        return ("localhost", options.port, options.user)

    def _index(self, blocks: list[Block]) -> None:
        """Sort the blocks by the only hosts they can be for, so that one host finds its few."""
        for block in blocks:
            if not block.settings:
                continue
            number = len(self._blocks)
            self._blocks.append(block)
            names = _only_hosts(block)
            if names is None:
                self._for_any.append(number)
                continue
            for name in dict.fromkeys(names):
                self._by_name[name].append(number)

    def _unique(self, entries: Iterator[HostEntry]) -> Iterator[HostEntry]:
        seen: set[tuple[Hashable, ...]] = set()
        for entry in entries:
            key = self.runtime_key(entry.alias)
            if key not in seen:
                seen.add(key)
                yield entry

    def _collect(self, alias: str, *, run_exec: bool) -> tuple[str, dict[str, object]]:
        """The host name and all values of one host, in one or two passes over its blocks."""
        values: dict[str, object] = {}

        def scope(host: str, *, final: bool) -> Scope:
            return Scope(alias, host, final, values, self._local_user, self._home, run_exec)

        self._apply(scope(alias, final=False))
        hostname = canonical_host(expand_hostname(str(values.get("hostname", alias)), alias))
        if self._has_final or values.get("canonicalizehostname"):
            values["hostname"] = hostname
            self._apply(scope(hostname, final=True))
        return hostname, values

    def _apply(self, scope: Scope) -> None:
        for number in sorted([*self._for_any, *self._by_name.get(scope.host, ())]):
            block = self._blocks[number]
            if all(condition.holds(scope) for condition in block.conditions):
                for setting in block.settings:
                    _keep(scope.values, setting)


def _only_hosts(block: Block) -> tuple[str, ...] | None:
    """The only hosts that a block can be for, or None if it must be asked for every host."""
    for condition in reversed(block.conditions):
        if isinstance(condition, HostCondition) and condition.literals is not None:
            return condition.literals
    return None


def _keep(values: dict[str, object], setting: Setting) -> None:
    """Take a value unless there is one; a few keywords collect theirs."""
    if not setting.adds:
        first = values.setdefault(setting.key, setting.value)
        # "ProxyJump none" keeps later jumps out, but not a later ProxyCommand.
        if first == NO_JUMP and isinstance(setting.value, Command):
            values[setting.key] = setting.value
        return
    collected = cast("list[str]", values.setdefault(setting.key, []))
    several = isinstance(setting.value, tuple)
    for value in cast("tuple[str | Removal, ...]", setting.value if several else (setting.value,)):
        if isinstance(value, Removal):
            collected[:] = [name for name in collected if not matches(name, value.pattern)]
        elif value not in collected:
            collected.append(value)


def _read_default_files(reader: ConfigReader, home: str, system_path: Path | None) -> None:
    user_path = str(Path(home, ".ssh", "config"))
    reader.watch(user_path)
    try:
        reader.read_user_file(user_path, owner_matters=True)
    except FileNotFoundError:
        pass  # a new user has none
    except OSError as error:
        reader.report(user_path, 0, f"not read: {reason(error)}")
    if system_path is None:
        return
    reader.watch(str(system_path))
    try:
        reader.read_system_file(str(system_path))
    except FileNotFoundError:
        pass
    except OSError as error:
        reader.report(str(system_path), 0, f"not read: {reason(error)}")


def _read_given_file(reader: ConfigReader, path: str) -> None:
    try:
        reader.read_user_file(path, owner_matters=False)
    except OSError as error:
        raise SettingsError(f"cannot read the ssh config {path}: {reason(error)}") from error


def _process_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container may run as a user id without a name
        return os.environ.get("USER") or str(os.getuid())
