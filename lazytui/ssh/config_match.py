"""The conditions of ``Host`` and ``Match`` lines, and whether they hold for one host."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol, cast

from lazytui.ssh.config_expand import CLIENT_TOKENS, check, expand_tokens, host_tokens
from lazytui.ssh.config_syntax import (
    ConfigSyntaxError,
    is_pattern,
    matches,
    matches_list,
    next_word,
    split_arguments,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

EXEC_TIMEOUT_S = 10.0
"""A ``Match exec`` command that takes longer counts as failed; ssh itself would wait forever."""

_NO_ARGUMENT = ("canonical", "final")
_WITH_ARGUMENT = ("host", "originalhost", "user", "localuser", "exec")


@dataclass(slots=True)
class Scope:
    """What conditions are compared with, during one pass over the files.

    Args:
        alias: what the user typed.
        host: what ``Host`` lines see: the alias, or the final host name in a final pass.
        final: true in the second pass that ``Match final`` asks for.
        values: the values found so far.
        local_user: who runs lazytui.
        home: that user's home folder.
        run_exec: run the commands of ``Match exec``; otherwise these never match.
    """

    alias: str
    host: str
    final: bool
    values: dict[str, object]
    local_user: str
    home: str
    run_exec: bool
    _results: dict[MatchCondition, bool] = field(default_factory=dict)

    @property
    def user(self) -> str:
        """Who logs in, as far as known yet."""
        return str(self.values.get("user", self.local_user))

    @property
    def hostname(self) -> str:
        """The host name, as far as known yet."""
        name = self.values.get("hostname")
        if name is None or self.final:
            return self.host
        return expand_hostname(str(name), self.host)

    def holds_once(self, condition: MatchCondition) -> bool:
        """Decide a Match line where it stands; later values change nothing about it."""
        if condition not in self._results:
            self._results[condition] = condition.decide(self)
        return self._results[condition]


class Condition(Protocol):
    """What a block hangs on."""

    @property
    def is_always(self) -> bool:
        """True when it holds for every host."""

    def holds(self, scope: Scope) -> bool:
        """True when the block's settings apply to the host of this scope."""


@dataclass(frozen=True, slots=True)
class HostCondition:
    """A ``Host`` line: its patterns in order."""

    patterns: tuple[str, ...]

    @property
    def is_always(self) -> bool:
        """True for ``Host *``."""
        return self.patterns == ("*",)

    @property
    def literals(self) -> tuple[str, ...] | None:
        """The only hosts it can match, or None if a wildcard may match others."""
        wanted = [pattern for pattern in self.patterns if not pattern.startswith("!")]
        return None if any(map(is_pattern, wanted)) else tuple(wanted)

    def holds(self, scope: Scope) -> bool:
        """True when a pattern matches the host and no negated one does."""
        return self.covers(scope.host)

    def covers(self, host: str) -> bool:
        """True when the line applies to a host of this name."""
        found = False
        for pattern in self.patterns:
            if pattern.startswith("!"):
                if matches(host, pattern[1:]):
                    return False
            elif not found:
                found = matches(host, pattern)
        return found


class Criterion(NamedTuple):
    """One word of a ``Match`` line with its argument."""

    name: str
    negated: bool
    argument: str


@dataclass(frozen=True, slots=True, eq=False)
class MatchCondition:
    """A ``Match`` line. Two equal lines are two conditions: they stand at different places."""

    criteria: tuple[Criterion, ...]

    @property
    def is_always(self) -> bool:
        """True for ``Match all``."""
        return all(word.name == "all" and not word.negated for word in self.criteria)

    @property
    def names(self) -> Iterator[tuple[str, str]]:
        """The hosts it names without wildcards, each with the criterion that names it."""
        for word in self.criteria:
            if word.name in ("host", "originalhost") and not word.negated:
                for name in word.argument.split(","):
                    if name and not is_pattern(name):
                        yield word.name, name

    def asks_for(self, name: str) -> bool:
        """True when the criterion of this name is on the line."""
        return any(word.name == name for word in self.criteria)

    def holds(self, scope: Scope) -> bool:
        """True when every criterion held where the line stands."""
        return scope.holds_once(self)

    def decide(self, scope: Scope) -> bool:
        """Compare now; a command is run only when everything before it holds."""
        return all(_holds(word, scope) != word.negated for word in self.criteria)


@dataclass(frozen=True, slots=True)
class Never:
    """In place of a ``Host`` or ``Match`` line that ssh would refuse."""

    is_always: bool = False

    def holds(self, scope: Scope) -> bool:
        """Never true: what stands below such a line is for nobody."""
        return False


def parse_host(rest: str) -> HostCondition:
    """Read what follows ``Host``.

    Raises:
        ConfigSyntaxError: nothing follows, an empty pattern, or a quote that is never closed.
    """
    if not rest:
        raise ConfigSyntaxError("Host needs a pattern")
    patterns = split_arguments(rest)
    if not all(patterns):
        raise ConfigSyntaxError("Host has an empty pattern")
    return HostCondition(tuple(patterns))


def parse_match(rest: str) -> MatchCondition:
    """Read what follows ``Match``.

    Raises:
        ConfigSyntaxError: an unknown or incomplete criterion.
    """
    split_arguments(rest)  # ssh refuses open quotes also where it then cuts differently
    criteria: list[Criterion] = []
    left: str | None = rest
    while left:
        word, left = next_word(left)
        if word == "" and left:
            raise ConfigSyntaxError("Match has an empty criterion")
        if not word or word.startswith("#"):
            break
        criterion, left = _parse_criterion(word, left)
        if criterion.name == "all":
            if len(criteria) > 1 or _is_word(left):
                raise ConfigSyntaxError("Match all cannot be combined with others")
            left = None
        criteria.append(criterion)
    if not criteria:
        raise ConfigSyntaxError("Match needs criteria")
    return MatchCondition(tuple(criteria))


def _parse_criterion(word: str, left: str | None) -> tuple[Criterion, str | None]:
    negated = word.startswith("!")
    name = word.removeprefix("!").lower()
    if name == "all" or name in _NO_ARGUMENT:
        return Criterion(name, negated, ""), left
    if name not in _WITH_ARGUMENT:
        raise ConfigSyntaxError(f"unknown Match criterion {word}")
    argument, left = next_word(left) if left else (None, None)
    if not argument or argument.startswith("#"):
        raise ConfigSyntaxError(f"Match {word} needs an argument")
    if name == "exec":
        check(argument, CLIENT_TOKENS)
    return Criterion(name, negated, argument), left


def _is_word(text: str | None) -> bool:
    word = next_word(text)[0] if text else None
    return bool(word) and not str(word).startswith("#")


def _holds(word: Criterion, scope: Scope) -> bool:
    match word.name:
        case "canonical" | "final":
            return scope.final
        case "host":
            return matches_list(scope.hostname.lower(), word.argument, ignore_case=True)
        case "originalhost":
            return matches_list(scope.alias.lower(), word.argument, ignore_case=True)
        case "user":
            return matches_list(scope.user, word.argument)
        case "localuser":
            return matches_list(scope.local_user, word.argument)
        case "exec":
            return scope.run_exec and _run(_expand_command(word.argument, scope))
        case _:  # all
            return True


def expand_hostname(name: str, host: str) -> str:
    """Replace ``%h`` and ``%%`` in the value of ``Hostname``."""
    return expand_tokens(name, {"%": "%", "h": host})


def _expand_command(command: str, scope: Scope) -> str:
    hostname = scope.hostname
    tokens = host_tokens(
        alias=scope.alias,
        hostname=hostname,
        port=cast("int", scope.values.get("port", 22)),
        user=scope.user,
        key_alias=str(scope.values.get("hostkeyalias", hostname)),
        local_user=scope.local_user,
        home=scope.home,
    )
    return expand_tokens(command, tokens)


def _run(command: str) -> bool:
    """Run a command with the user's shell, without input or output; true for exit status 0."""
    shell = os.environ.get("SHELL") or "/bin/sh"
    try:
        process = subprocess.Popen(  # noqa: S603 - the user's own config names the command
            [shell, "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError):
        return False
    try:
        return process.wait(EXEC_TIMEOUT_S) == 0
    except subprocess.TimeoutExpired:
        return False
    finally:
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
