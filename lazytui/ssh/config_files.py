"""Reads ssh config files into blocks: what stands where, under which conditions."""

from __future__ import annotations

import glob
import os
import stat
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lazytui.ssh.config_expand import expand_home
from lazytui.ssh.config_keywords import Setting, is_known, parse_setting
from lazytui.ssh.config_match import (
    Condition,
    HostCondition,
    MatchCondition,
    Never,
    parse_host,
    parse_match,
)
from lazytui.ssh.config_syntax import (
    ConfigSyntaxError,
    is_pattern,
    matches_list,
    split_arguments,
    split_keyword,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

MAX_DEPTH = 16
"""How deep files may include files; OpenSSH has the same limit."""
MAX_BYTES = 16 * 1024 * 1024
"""How much is read in all, in bytes. 100,000 hosts are about 8 MiB."""
MIN_COST = 1024
"""What even an empty file costs of MAX_BYTES, so that files that include each other end."""

Stamp = tuple[str, int, int]
"""Path, time of last change in nanoseconds, size in bytes; both -1 when there is no file."""


@dataclass(frozen=True, slots=True)
class ConfigProblem:
    """A place in a file that ssh would refuse, and what lazytui did not use because of it."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True, slots=True)
class HostEntry:
    """A host named in the ssh config.

    Args:
        alias: its name there.
        path: the file that names it first.
        line: the line in it, from 1.
        conditional: it is named by, or inside of, ``Match`` lines only.
    """

    alias: str
    path: str
    line: int
    conditional: bool


@dataclass(slots=True)
class Block:
    """Settings that stand under the same conditions, from the outermost file inwards."""

    conditions: tuple[Condition, ...]
    settings: list[Setting] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _File:
    """The file being read. System files know no ``~`` and have their own folder."""

    path: str
    include_folder: str
    is_system: bool
    depth: int


class ConfigReader:
    """Reads files in the order of their precedence and collects what is in them.

    Args:
        home: the folder that ``~`` stands for.
        environment: the variables that values may name.
    """

    def __init__(self, home: str, environment: Mapping[str, str]) -> None:
        self.blocks: list[Block] = []
        self.problems: list[ConfigProblem] = []
        self.files: dict[str, Stamp] = {}
        self.watched: dict[str, Stamp] = {}
        self.skipped_patterns: dict[str, None] = {}
        self._home = home
        self._environment = environment
        self._entries: dict[str, HostEntry] = {}
        self._only_by_hostname: set[str] = set()
        self._hostnames: set[str] = set()
        self._reading: list[tuple[int, int]] = []
        self._bytes_left = MAX_BYTES
        self._ignored = ""

    def read_user_file(self, path: str, *, owner_matters: bool) -> None:
        """Read the user's own file, or the one given by ``-F``.

        Args:
            path: the file.
            owner_matters: refuse it when others may write it (not for ``-F``, as ssh).

        Raises:
            OSError: it cannot be read.
        """
        folder = os.path.join(self._home, ".ssh")  # noqa: PTH118 - also odd bytes are paths
        self._read(_File(path, folder, False, 0), (), owner_matters=owner_matters)

    def read_system_file(self, path: str) -> None:
        """Read the file of the whole machine.

        Raises:
            OSError: it cannot be read.
        """
        folder = os.path.dirname(path)  # noqa: PTH120
        self._read(_File(path, folder, True, 0), (), owner_matters=False)

    def watch(self, path: str) -> None:
        """Remember how a file or folder looks now, also that it is missing."""
        self.watched.setdefault(path, stamp(path))

    def report(self, path: str, line: int, text: str) -> None:
        """Add a problem."""
        readable = text.encode("utf-8", "backslashreplace").decode()
        self.problems.append(ConfigProblem(path, line, readable))

    @property
    def entries(self) -> Iterator[HostEntry]:
        """The hosts, in order of first appearance."""
        # "Match host 10.0.0.5" is about the host whose Hostname that is, not about a new one.
        known = self._only_by_hostname & self._hostnames
        return (entry for entry in self._entries.values() if entry.alias not in known)

    def _read(self, file: _File, conditions: tuple[Condition, ...], *, owner_matters: bool) -> None:
        text, identity = self._load(file.path, owner_matters=owner_matters)
        if identity in self._reading:
            raise OSError("it includes itself")
        self._reading.append(identity)
        block = self._open_block(conditions)
        for number, line in enumerate(text.split("\n"), 1):
            cut = split_keyword(line)
            if cut is None:
                continue
            keyword, rest = cut
            if keyword in ("host", "match"):
                condition = self._condition(keyword, rest, file, number)
                block = self._open_block((*conditions, condition))
                self._list_names(block.conditions, file, number)
            elif keyword == "include":
                self._include(rest, file, number, block.conditions)
                block = self._open_block(block.conditions)
            else:
                self._set(block, keyword, rest, file, number)
        self._reading.pop()

    def _load(self, path: str, *, owner_matters: bool) -> tuple[str, tuple[int, int]]:
        """The text of a file and its identity; odd bytes become surrogates."""
        # Without O_NONBLOCK the opening of a FIFO would wait for its writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            state = os.fstat(descriptor)
            self.files[path] = self.watched[path] = (path, state.st_mtime_ns, state.st_size)
            content = b""
            # ssh finds nothing in a folder, either; /dev/null is empty.
            if not stat.S_ISDIR(state.st_mode) and not stat.S_ISCHR(state.st_mode):
                self._check_file(state, owner_matters=owner_matters)
                with open(descriptor, "rb", closefd=False) as stream:
                    content = stream.read(state.st_size)
        finally:
            os.close(descriptor)
        return content.decode("utf-8", "surrogateescape"), (state.st_dev, state.st_ino)

    def _check_file(self, state: os.stat_result, *, owner_matters: bool) -> None:
        """Refuse a file that would block, that others control, or that is one too many."""
        if not stat.S_ISREG(state.st_mode):
            raise OSError("it is not a regular file")
        if owner_matters and _is_foreign(state):
            raise OSError("bad owner or permissions: others could write it")
        self._bytes_left -= max(state.st_size, MIN_COST)
        if self._bytes_left < 0:
            raise OSError(f"more than {MAX_BYTES >> 20} MiB of configuration")

    def _open_block(self, conditions: tuple[Condition, ...]) -> Block:
        block = Block(conditions)
        self.blocks.append(block)
        return block

    def _condition(self, keyword: str, rest: str, file: _File, line: int) -> Condition:
        try:
            return parse_host(rest) if keyword == "host" else parse_match(rest)
        except ConfigSyntaxError as error:
            self.report(file.path, line, f"{error} (the block is ignored)")
            return Never()

    def _set(self, block: Block, keyword: str, rest: str, file: _File, line: int) -> None:
        try:
            if not is_known(keyword):
                self._check_ignored(block, keyword, rest)
                return
            setting = parse_setting(keyword, rest, self._environment)
        except ConfigSyntaxError as error:
            self.report(file.path, line, str(error))
            return
        if setting is None:
            return
        block.settings.append(setting)
        if setting.key == "hostname":
            self._hostnames.add(str(setting.value))
        elif setting.key == "ignoreunknown" and all(c.is_always for c in block.conditions):
            self._ignored = self._ignored or str(setting.value)

    def _check_ignored(self, block: Block, keyword: str, rest: str) -> None:
        here = (str(s.value) for s in block.settings if s.key == "ignoreunknown")
        patterns = self._ignored or next(here, "")
        if not matches_list(keyword, patterns, ignore_case=True):
            raise ConfigSyntaxError(f"unknown option {keyword}")
        if not rest:
            raise ConfigSyntaxError(f"{keyword} needs an argument")
        split_arguments(rest)

    def _include(
        self, rest: str, file: _File, line: int, conditions: tuple[Condition, ...]
    ) -> None:
        try:
            patterns = split_arguments(rest)
            if not patterns or not all(patterns):
                raise ConfigSyntaxError("Include needs a path")
            if file.is_system and any(pattern.startswith("~") for pattern in patterns):
                raise ConfigSyntaxError("Include in a system file takes no ~")
            if file.depth == MAX_DEPTH:
                raise ConfigSyntaxError(f"Include is deeper than {MAX_DEPTH} files")
        except ConfigSyntaxError as error:
            self.report(file.path, line, str(error))
            return
        for pattern in patterns:
            place = os.path.join(file.include_folder, expand_home(pattern, self._home))  # noqa: PTH118
            for path in self._find(place):
                inner = replace(file, path=path, depth=file.depth + 1)
                try:
                    self._read(inner, conditions, owner_matters=True)
                except FileNotFoundError:
                    continue  # a dangling link; ssh passes over it, too
                except OSError as error:
                    self.report(file.path, line, f"cannot include {path}: {reason(error)}")

    def _find(self, pattern: str) -> list[str]:
        """The files that a pattern names now; folders are watched for new ones."""
        if not glob.has_magic(pattern):
            self.watch(pattern)
            return [pattern] if os.path.lexists(pattern) else []
        folder = os.path.dirname(pattern)  # noqa: PTH120
        while glob.has_magic(folder):
            folder = os.path.dirname(folder)  # noqa: PTH120
        self.watch(folder)
        return sorted(glob.glob(pattern))  # noqa: PTH207 - the order is OpenSSH's

    def _list_names(self, conditions: tuple[Condition, ...], file: _File, line: int) -> None:
        *outer, last = conditions
        conditional = any(isinstance(c, MatchCondition) and not c.is_always for c in conditions)
        if isinstance(last, HostCondition):
            named = [("host line", pattern) for pattern in last.patterns]
        elif isinstance(last, MatchCondition):
            named = list(last.names)
        else:
            return
        for origin, name in named:
            if is_pattern(name):
                self.skipped_patterns[name] = None
            elif not name.isprintable():  # undecodable bytes are not printable, either
                self.report(file.path, line, f"a host name with odd characters: {name!r}")
            elif _may_hold(outer, name):
                self._list(HostEntry(name, file.path, line, conditional), origin)

    def _list(self, entry: HostEntry, origin: str) -> None:
        known = self._entries.get(entry.alias)
        if origin != "host":
            self._only_by_hostname.discard(entry.alias)
        elif known is None:
            self._only_by_hostname.add(entry.alias)
        if known is None:
            self._entries[entry.alias] = entry
        elif known.conditional and not entry.conditional:
            self._entries[entry.alias] = replace(known, conditional=False)


def stamp(path: str) -> Stamp:
    """How a file looks now, by one stat."""
    try:
        state = os.stat(path)  # noqa: PTH116 - also odd bytes are paths
    except (OSError, ValueError):
        return path, -1, -1
    return path, state.st_mtime_ns, state.st_size


def reason(error: OSError) -> str:
    """Why a file could not be read, in the system's or our own words."""
    return error.strerror or str(error)


def _is_foreign(state: os.stat_result) -> bool:
    # OpenSSH stops here, because such a file could run any command as the user.
    return state.st_uid not in (0, os.getuid()) or bool(state.st_mode & 0o022)


def _may_hold(outer: list[Condition], name: str) -> bool:
    """True unless an outer line excludes the host for good."""
    return all(
        condition.covers(name)
        if isinstance(condition, HostCondition)
        else not isinstance(condition, Never)
        for condition in outer
    )
