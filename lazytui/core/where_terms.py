"""The conditions a WHERE is made of: names, groups, patterns and comparisons with units."""

from __future__ import annotations

import operator
import re
import warnings
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Protocol

from lazytui.core.model import HostState
from lazytui.core.probes import Answered, Probe

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from lazytui.core.model import Metrics, RuntimeInfo

    Members = Mapping[str, AbstractSet[str]]


class HostFacts(Protocol):
    """What a filter may ask of a host."""

    @property
    def host(self) -> str:
        """The alias in the ssh config."""

    @property
    def state(self) -> HostState:
        """What is known of the host."""

    @property
    def info(self) -> RuntimeInfo | None:
        """What the runtime is, once it was active."""

    @property
    def metrics(self) -> Metrics | None:
        """The newest sample."""

    def tags(self) -> Sequence[str]:
        """The tags the user gave it."""

    def answer(self, probe: Probe) -> bool | None:
        """What it answered to a question; None while that is not known."""


class Test(Protocol):
    """One condition on a host."""

    def problem(self, known: AbstractSet[str], groups: Members) -> str:
        """Say in plain words what the condition names that does not exist; empty when fine."""

    def matches(self, facts: HostFacts, groups: Members) -> bool | None:
        """Whether the condition holds; None when its host has not been asked yet."""


class _NoProblem:
    """A condition that names nothing that could be missing."""

    __slots__ = ()

    def problem(self, known: AbstractSet[str], groups: Members) -> str:
        """Nothing can be missing."""
        del known, groups
        return ""


@dataclass(frozen=True, slots=True)
class Named:
    """The host is one of these."""

    names: frozenset[str]
    must_exist: bool

    def problem(self, known: AbstractSet[str], groups: Members) -> str:
        """Name the hosts that do not exist, with their likely spellings."""
        del groups
        missing = sorted(self.names - known) if self.must_exist else []
        if not missing:
            return ""
        shown = ", ".join(missing[:5]) + (f" and {len(missing) - 5} more" if missing[5:] else "")
        return f"unknown host: {shown}{_did_you_mean(missing[0], known)}"

    def matches(self, facts: HostFacts, groups: Members) -> bool:
        """Whether the host's name is among the names."""
        del groups
        return facts.host in self.names


@dataclass(frozen=True, slots=True)
class InGroup:
    """The host is a member of a group."""

    name: str

    def problem(self, known: AbstractSet[str], groups: Members) -> str:
        """Name the group if it does not exist."""
        del known
        if self.name in groups:
            return ""
        return f"unknown group: @{self.name}{_did_you_mean(self.name, groups.keys())}"

    def matches(self, facts: HostFacts, groups: Members) -> bool:
        """Whether the group has the host."""
        return facts.host in groups[self.name]


@dataclass(frozen=True, slots=True)
class Glob:
    """The host's name fits a pattern with ``*`` and ``?``."""

    pattern: str
    must_match: bool = False

    def problem(self, known: AbstractSet[str], groups: Members) -> str:
        """Say so when the pattern fits no host at all."""
        del groups
        if not self.must_match or any(fnmatchcase(host, self.pattern) for host in known):
            return ""
        return f"unknown host: nothing fits {self.pattern}"

    def matches(self, facts: HostFacts, groups: Members) -> bool:
        """Whether the whole name fits."""
        del groups
        return fnmatchcase(facts.host, self.pattern)


@dataclass(frozen=True, slots=True)
class AnyOf:
    """At least one of several conditions holds."""

    tests: tuple[Test, ...]

    def problem(self, known: AbstractSet[str], groups: Members) -> str:
        """The problems of all parts."""
        return "; ".join(filter(None, (test.problem(known, groups) for test in self.tests)))

    def matches(self, facts: HostFacts, groups: Members) -> bool | None:
        """Whether one of them holds."""
        found = [test.matches(facts, groups) for test in self.tests]
        if any(found):
            return True
        return None if None in found else False


@dataclass(frozen=True, slots=True)
class Fuzzy(_NoProblem):
    """The letters of a word appear in the host's name in this order, in any case."""

    word: str

    def matches(self, facts: HostFacts, groups: Members) -> bool:
        """Whether the word is a subsequence of the name."""
        del groups
        letters = iter(facts.host.casefold())
        return all(char in letters for char in self.word.casefold())


@dataclass(frozen=True, slots=True)
class Regex(_NoProblem):
    """A regular expression is found in the host's name, in any case."""

    pattern: re.Pattern[str]

    @classmethod
    def of(cls, text: str) -> Regex:
        """Compile an expression; ValueError says what is wrong with it."""
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # "possible nested set" is for programmers
                return cls(re.compile(text, re.IGNORECASE))
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(str(error)) from None

    def matches(self, facts: HostFacts, groups: Members) -> bool:
        """Whether the expression is found."""
        del groups
        return self.pattern.search(facts.host) is not None


@dataclass(frozen=True, slots=True)
class InState(_NoProblem):
    """The host is in one of these states."""

    states: frozenset[HostState]

    def matches(self, facts: HostFacts, groups: Members) -> bool:
        """Whether the state is among them."""
        del groups
        return facts.state in self.states


@dataclass(frozen=True, slots=True)
class Tagged(_NoProblem):
    """The host has one of these tags, in any case."""

    tags: frozenset[str]

    def matches(self, facts: HostFacts, groups: Members) -> bool:
        """Whether one of its tags is among them."""
        del groups
        return any(tag.casefold() in self.tags for tag in facts.tags())


@dataclass(frozen=True, slots=True)
class RunsOS(_NoProblem):
    """The name of the operating system contains one of these words."""

    words: tuple[str, ...]

    def matches(self, facts: HostFacts, groups: Members) -> bool:
        """Whether a word is found in the name."""
        del groups
        return facts.info is not None and any(w in facts.info.os.casefold() for w in self.words)


@dataclass(frozen=True, slots=True)
class PythonVersion(_NoProblem):
    """The host's Python compares to a version, as far as the version is given.

    3.11.7 is *equal* to 3.11 and not above it, which is what people mean.
    """

    compare: Callable[[Any, Any], bool]
    version: tuple[int, ...]

    def matches(self, facts: HostFacts, groups: Members) -> bool:
        """Whether the comparison holds; never for an unknown version."""
        del groups
        found = re.match(r"\d+(\.\d+)*", facts.info.python_version) if facts.info else None
        if not found:
            return False
        numbers = tuple(int(part) for part in found[0].split("."))
        padded = numbers + (0,) * (len(self.version) - len(numbers))
        return self.compare(padded[: len(self.version)], self.version)


@dataclass(frozen=True, slots=True)
class Amount(_NoProblem):
    """A number of the host compares to a limit; with several (GPUs), one is enough."""

    read: Callable[[HostFacts], Sequence[float]]
    compare: Callable[[Any, Any], bool]
    limit: float

    def matches(self, facts: HostFacts, groups: Members) -> bool:
        """Whether the comparison holds; never for an unknown number."""
        del groups
        return any(self.compare(value, self.limit) for value in self.read(facts))


@dataclass(frozen=True, slots=True)
class _Quantity:
    """What a numeric filter key means: which readings, in which units."""

    expected: str
    plain: Callable[[HostFacts], Sequence[float]] | None = None
    size: Callable[[HostFacts], Sequence[float]] | None = None
    share: Callable[[HostFacts], Sequence[float]] | None = None
    percent_is_implied: bool = False


def _of_info(read: Callable[[RuntimeInfo], float]) -> Callable[[HostFacts], Sequence[float]]:
    return lambda facts: [read(facts.info)] if facts.info else []


def _of_sample(read: Callable[[Metrics], float]) -> Callable[[HostFacts], Sequence[float]]:
    return lambda facts: [read(facts.metrics)] if facts.metrics else []


def _gpu_loads(facts: HostFacts) -> Sequence[float]:
    return [gpu.load for gpu in facts.metrics.gpus] if facts.metrics else []


def _gpu_sizes(facts: HostFacts) -> Sequence[float]:
    return [gpu.memory_total for gpu in facts.metrics.gpus] if facts.metrics else []


def _gpu_shares(facts: HostFacts) -> Sequence[float]:
    gpus = facts.metrics.gpus if facts.metrics else ()
    return [gpu.memory_used / gpu.memory_total for gpu in gpus if gpu.memory_total]


_QUANTITIES = {
    "gpu": _Quantity(
        "a number of GPUs, or their load as in gpu<10%",
        plain=_of_info(lambda info: len(info.gpus)),
        share=_gpu_loads,
    ),
    "vram": _Quantity("a size as in vram>20G or vram<80%", size=_gpu_sizes, share=_gpu_shares),
    "mem": _Quantity(
        "a size as in mem>32G or mem<80%",
        size=_of_info(lambda info: info.memory),
        share=_of_sample(lambda sample: sample.memory_share),
    ),
    "disk": _Quantity(
        "a size as in disk>1T or disk<90%",
        size=_of_sample(lambda sample: sample.disk_total),
        share=_of_sample(lambda sample: sample.disk_share),
    ),
    "cpu": _Quantity(
        "a load as in cpu<50%",
        share=_of_sample(lambda sample: sample.cpu),
        percent_is_implied=True,
    ),
    "cores": _Quantity("a number", plain=_of_info(lambda info: info.cpu_cores)),
    "load": _Quantity("a number", plain=_of_sample(lambda sample: sample.load1)),
}

_WORD_KEYS = ("state", "tag", "os", "host")
_PROBE_KEYS = ("has", "installed", "cmd")
FILTER_KEYS = (*_QUANTITIES, "python", *_WORD_KEYS, *_PROBE_KEYS)

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "==": operator.eq,
    ":": operator.eq,
    "!=": operator.ne,
}
_STATE_WORDS = {state.value: state for state in HostState} | {
    "up": HostState.ACTIVE,
    "down": HostState.INACTIVE,
}
CMD_EXAMPLE = 'a command in double quotes that prints true, as in cmd:"test -d /d && echo true"'
_NUMBER = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,15})?)(%|[KMGTP](?:i?B)?|B)?", re.IGNORECASE)
_VERSION = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){0,3}")


def filter_test(key: str, sign: str, value: str) -> Test:
    """Make the condition of a filter such as ``mem`` ``<`` ``80%``.

    Raises:
        ValueError: in plain words, what was expected instead.
    """
    if key not in FILTER_KEYS:
        expected = ", ".join(FILTER_KEYS)
        raise ValueError(f"unknown filter '{key}'; expected one of {expected}")
    if key == "python":
        if not _VERSION.fullmatch(value):
            raise ValueError("expected a version as in python>=3.8")
        return PythonVersion(_COMPARE[sign], tuple(int(part) for part in value.split(".")))
    if key in _QUANTITIES:
        return _amount(_QUANTITIES[key], sign, value)
    if sign not in (":", "=", "=="):
        raise ValueError(f"expected '{key}:'")
    if key == "cmd":
        if not value.strip():
            raise ValueError(f"expected {CMD_EXAMPLE}")
        return Answered((Probe("command", value),))
    return _words_test(key, [word for word in value.split(",") if word])


def _amount(quantity: _Quantity, sign: str, value: str) -> Amount:
    found = _NUMBER.fullmatch(value)
    if found:
        number, unit = float(found[1]), (found[2] or "").upper()
        if quantity.share and (unit == "%" or (not unit and quantity.percent_is_implied)):
            return Amount(quantity.share, _COMPARE[sign], number / 100)
        if quantity.plain and not unit:
            return Amount(quantity.plain, _COMPARE[sign], number)
        if quantity.size and unit and unit != "%":
            scale = 1024.0 ** "BKMGTP".index(unit[0])
            return Amount(quantity.size, _COMPARE[sign], number * scale)
    raise ValueError(f"expected {quantity.expected}")


def least_demand(test: Test) -> tuple[str, Callable[[Any, Any], bool], float] | None:
    """Give the filter key, the comparison and the limit of ``gpu>=2`` or ``mem>16G``.

    Only of a condition on an amount from below; None for any other.
    """
    if not isinstance(test, Amount) or test.compare not in (operator.ge, operator.gt, operator.eq):
        return None
    for key, quantity in _QUANTITIES.items():
        if test.read in (quantity.plain, quantity.size):
            return key, test.compare, test.limit
    return None


def _words_test(key: str, words: list[str]) -> Test:
    if not words:
        raise ValueError(f"expected a word after '{key}:'")
    if key in _PROBE_KEYS:
        return Answered(tuple(Probe("program", word) for word in words))
    if key == "host":
        return AnyOf(tuple(Glob(word) for word in words))
    folded = [word.casefold() for word in words]
    if key == "os":
        return RunsOS(tuple(folded))
    if key == "tag":
        return Tagged(frozenset(folded))
    unknown = [word for word in folded if word not in _STATE_WORDS]
    if unknown:
        raise ValueError(f"unknown state '{unknown[0]}'; expected {', '.join(_STATE_WORDS)}")
    return InState(frozenset(_STATE_WORDS[word] for word in folded))


def _did_you_mean(word: str, names: AbstractSet[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(word, sorted(names), n=3)
    return f" (did you mean {', '.join(near)}?)" if near else ""
