"""Where something shall happen: node sets and filters, one small language for every list.

A WHERE is a row of terms that must all hold: ``gpu[01-04]``, ``@train - gpu04``, ``!cpu01``,
``a,b``, ``/^gpu/``, ``gpu>=1 vram>20G mem<80% state:up``, and what hosts must be asked for:
``has:docker`` (or ``installed:docker``), ``cmd:"test -d /data && echo true"``.

ClusterShell's NodeSet folds and expands the names; it is imported only when there is something
to fold, and never reads the group files of the machine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lazytui.core.probes import Answered, Probe
from lazytui.core.where_terms import (
    CMD_EXAMPLE,
    FILTER_KEYS,
    AnyOf,
    Fuzzy,
    Glob,
    HostFacts,
    InGroup,
    Named,
    Regex,
    Test,
    filter_test,
)
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    from lazytui.core.where_terms import Members

__all__ = ["FILTER_KEYS", "HostFacts", "Where", "expand", "fold", "parse_where", "quote"]

BareWords = Literal["exact", "fuzzy"]
Span = tuple[int, int]

MAX_NAMES = 65_536  # a node set may not stand for more: [1-999999999] would eat the memory

_SAFE_NAME = re.compile(r"(?![A-Za-z_]+:)\w[\w.@:+~-]*")
_DIGITS = re.compile(r"[0-9]+")
_BRACKET = re.compile(r"\[([0-9,/-]+)\]")
_NODE_SET = re.compile(r'(?!@)(?:[^\[\]!&^,\s%"*?]|\[[0-9,/-]+\])+')
_RANGE = re.compile(r"([0-9]{1,18})(?:-([0-9]{1,18})(?:/[0-9]{1,18})?)?")
_FILTER = re.compile(r"([A-Za-z_]+)(!=|==|<=|>=|=|<|>|:)")


def fold(names: Iterable[str]) -> str:
    """Write host names as one short node set: ``gpu[01-03],cpu01``.

    Names are grouped in the order in which they first appear; duplicates count once. A name
    that the language would read otherwise stands in double quotes, so that :func:`expand`
    gives back exactly the names that went in.
    """
    families: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        family = _DIGITS.sub("0", name) if _SAFE_NAME.fullmatch(name) else name
        families.setdefault(family, []).append(name)
    return ",".join(_fold_family(members) for members in families.values())


def expand(nodeset: str) -> list[str]:
    """List the names a node set stands for, in the order written, each once.

    Never fails: a part that is no node set is taken as the name it looks like.
    """
    names: dict[str, None] = {}
    at = 0
    while at < len(nodeset):
        end = _item_end(nodeset, at, stop_at_blank=False)
        piece = nodeset[at:end].strip()
        at = end + 1
        if piece.startswith('"'):
            names[_unquote(piece)] = None
        elif piece:
            try:
                names.update(dict.fromkeys(_expand_piece(piece)))
            except ValueError:
                names[piece] = None
    return list(names)


@dataclass(frozen=True, slots=True)
class Term:
    """One condition of a WHERE, possibly negated."""

    test: Test
    negated: bool

    def holds(self, facts: HostFacts, members: Members) -> bool:
        """Whether the condition holds; never, not even negated, before its host was asked."""
        found = self.test.matches(facts, members)
        return found is not None and found != self.negated


@dataclass(frozen=True, slots=True)
class Where:
    """A parsed WHERE; no terms means every host."""

    text: str
    terms: tuple[Term, ...]
    names: tuple[Span, ...] = ()  # where in the text exact names stand unquoted
    groups: tuple[Span, ...] = ()  # where the names of groups stand, without the @

    @property
    def needs_facts(self) -> bool:
        """Whether a term asks for more than names, so that hosts must be detected first."""
        return any(_needs_facts(test) for test in self._tests())

    @property
    def probes(self) -> frozenset[Probe]:
        """What the hosts must be asked for before this selects."""
        asked = (test.probes for test in self._tests() if isinstance(test, Answered))
        return frozenset(probe for probes in asked for probe in probes)

    @property
    def group_names(self) -> frozenset[str]:
        """The groups that are named."""
        return frozenset(self.text[start:end] for start, end in self.groups)

    @property
    def lasting_text(self) -> str:
        """The text in words that mean the same on the screens and on the command line.

        Exact names are put into quotes: without them a screen would read them as fuzzy words.
        """
        return self._with(self.names, quote)

    def renamed(self, old: str, new: str) -> str:
        """Give the text after a group has got another name."""
        return self._with(self.groups, lambda name: new if name == old else name)

    def _with(self, spans: Sequence[Span], write: Callable[[str], str]) -> str:
        text = self.text
        for start, end in reversed(spans):
            text = text[:start] + write(text[start:end]) + text[end:]
        return text

    def _tests(self) -> Iterator[Test]:
        """Give the conditions, those of comma lists one by one."""
        for term in self.terms:
            yield from term.test.tests if isinstance(term.test, AnyOf) else (term.test,)

    def select(
        self, hosts: Sequence[HostFacts], groups: Mapping[str, Sequence[str]] | None = None
    ) -> list[str]:
        """Give the names of the hosts for which every term holds, in the order of ``hosts``.

        Args:
            hosts: all hosts there are, with what is known of them. A fact that is not known
                (no metrics yet) fulfils no comparison.
            groups: the members of each group by its name. Members that are no host any more
                are passed over.

        Raises:
            UsageError: a group, or with ``bare_words="exact"`` a host, does not exist.
        """
        known = {facts.host for facts in hosts}
        members = {name: frozenset(names) for name, names in (groups or {}).items()}
        for term in self.terms:
            problem = term.test.problem(known, members)
            if problem:
                raise UsageError(problem)
        return [
            facts.host for facts in hosts if all(term.holds(facts, members) for term in self.terms)
        ]


def _needs_facts(test: Test) -> bool:
    return not isinstance(test, Named | InGroup | Glob | Fuzzy | Regex)


def parse_where(text: str, *, bare_words: BareWords) -> Where:
    """Read a WHERE.

    Args:
        text: what the user typed.
        bare_words: ``"exact"`` on the command line: a bare word is a host name, a node set or
            a pattern with ``*`` and ``?``, and it must exist. ``"fuzzy"`` on the screens: its
            letters must appear in the host's name in this order.

    Raises:
        UsageError: it does not parse; the message says where and what was expected.
    """
    parser = _Parser(text, bare_words)
    return Where(text, tuple(parser.terms()), tuple(parser.names), tuple(parser.groups))


class _Parser:
    """Reads one WHERE from left to right."""

    def __init__(self, text: str, bare_words: BareWords) -> None:
        self._text = text
        self._bare_words = bare_words
        self._at = 0
        self.names: list[Span] = []
        self.groups: list[Span] = []

    def terms(self) -> Iterable[Term]:
        self._skip_blanks()
        while self._at < len(self._text):
            negated = self._operator()
            while self._text.startswith("!", self._at):
                negated = not negated
                self._at += 1
            if self._at >= len(self._text) or self._text[self._at].isspace():
                raise self._error("expected a host, a @group or a filter")
            yield Term(self._test(), negated)
            self._skip_blanks()

    def _operator(self) -> bool:
        """Pass over ``-`` or ``&`` between two terms; True when the next term is taken away."""
        word = self._text[self._at : self._at + 2].rstrip()
        if word not in ("-", "&"):
            return False
        if word == "&" and not self._text[: self._at].strip():
            raise self._error("expected a term before '&'")
        self._at += 1
        self._skip_blanks()
        return word == "-"

    def _test(self) -> Test:
        found = _FILTER.match(self._text, self._at)
        if found:
            start = self._at
            self._at = found.end()
            try:
                key = found[1].lower()
                return filter_test(key, found[2], self._value(quoted=key == "cmd"))
            except ValueError as error:
                self._at = start
                raise self._error(str(error)) from None
        tests = [self._item()]
        while self._text.startswith(",", self._at):
            self._at += 1
            self._skip_blanks()
            if self._at < len(self._text):  # a comma at the end is still being typed
                tests.append(self._item())
        return tests[0] if len(tests) == 1 else AnyOf(tuple(tests))

    def _value(self, *, quoted: bool) -> str:
        """Read the value of a filter.

        A command stands in quotes, also because it must not be run before it is typed whole.
        """
        if self._text.startswith('"', self._at):
            return self._quoted()
        if quoted:
            raise ValueError(f"expected {CMD_EXAMPLE}")
        start = self._at
        while self._at < len(self._text) and not self._text[self._at].isspace():
            self._at += 1
        return self._text[start : self._at]

    def _item(self) -> Test:
        if self._text.startswith('"', self._at):
            return Named(frozenset((self._quoted(),)), must_exist=self._bare_words == "exact")
        if self._text.startswith("/", self._at):
            return self._regex()
        start = self._at
        self._at = _item_end(self._text, start, stop_at_blank=True)
        word = self._text[start : self._at]
        if word.startswith("@") and len(word) > 1:
            self.groups.append((start + 1, self._at))
            return InGroup(word[1:])
        try:
            test = self._word(word)
        except ValueError as error:
            self._at = start
            raise self._error(str(error)) from None
        if isinstance(test, Named) and test.names == {word}:
            self.names.append((start, self._at))
        return test

    def _word(self, word: str) -> Test:
        if word in ("", "@"):
            raise ValueError("expected a name")
        exact = self._bare_words == "exact"
        if "[" in word or "]" in word:
            return Named(frozenset(_expand_piece(word)), must_exist=exact)
        if "*" in word or "?" in word:
            return Glob(word, must_match=exact)
        return Named(frozenset((word,)), must_exist=True) if exact else Fuzzy(word)

    def _regex(self) -> Test:
        start = self._at
        end = start + 1
        while end < len(self._text) and self._text[end] != "/":
            end += 2 if self._text[end] == "\\" else 1
        if end >= len(self._text):
            raise self._error("expected '/' at the end of the regular expression")
        try:
            test = Regex.of(self._text[start + 1 : end].replace("\\/", "/"))
        except ValueError as error:
            raise self._error(f"expected a regular expression ({error})") from None
        self._at = end + 1
        return test

    def _quoted(self) -> str:
        end = _quote_end(self._text, self._at)
        if end < 0:
            raise self._error("expected '\"' at the end of the name")
        quoted = self._text[self._at : end]
        self._at = end
        return _unquote(quoted)

    def _skip_blanks(self) -> None:
        while self._at < len(self._text) and self._text[self._at].isspace():
            self._at += 1

    def _error(self, problem: str) -> UsageError:
        return UsageError(f"cannot read {self._text!r} at character {self._at + 1}: {problem}")


def _item_end(text: str, start: int, *, stop_at_blank: bool) -> int:
    """Where the item of a comma list that begins at ``start`` ends."""
    at = start
    while at < len(text):
        char = text[at]
        if char == "," or (stop_at_blank and char.isspace()):
            return at
        if char == '"' and at == start:
            end = _quote_end(text, at)
            at = end if end > 0 else at + 1
            continue
        bracket = _BRACKET.match(text, at)
        at = bracket.end() if bracket else at + 1
    return at


def _quote_end(text: str, start: int) -> int:
    """The index behind the quoted name that begins at ``start``; -1 when it never ends."""
    at = start + 1
    while at < len(text):
        if text[at] == '"':
            return at + 1
        at += 2 if text[at] == "\\" else 1
    return -1


def _unquote(text: str) -> str:
    end = _quote_end(text, 0)
    inner = text[1:end][:-1] if end > 0 else text
    return re.sub(r"\\(.)", r"\1", inner, flags=re.DOTALL)


def quote(name: str) -> str:
    """Write a name or a command so that the language takes it as it is."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _expand_piece(piece: str) -> list[str]:
    """Expand one part of a node set; ValueError says why it is none."""
    if "[" not in piece and "]" not in piece:
        return [piece]
    if not _NODE_SET.fullmatch(piece):
        raise ValueError("expected a node set such as gpu[01-04]")
    count = 1
    for bracket in _BRACKET.finditer(piece):
        count *= sum(_range_size(part) for part in bracket[1].split(","))
        if count > MAX_NAMES:
            raise ValueError(f"expected a node set of at most {MAX_NAMES:,} names")
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

    try:
        return [str(name) for name in NodeSet(piece, resolver=RESOLVER_NOGROUP)]
    except NodeSetException as error:
        raise ValueError(f"expected a node set ({error})") from None


def _range_size(part: str) -> int:
    found = _RANGE.fullmatch(part)
    if not found:
        raise ValueError("expected numbers in brackets, such as [01-04,7]")
    return int(found[2]) - int(found[1]) + 1 if found[2] else 1


def _fold_family(names: list[str]) -> str:
    """Fold names that differ only in their numbers."""
    if len(names) == 1:
        return names[0] if _SAFE_NAME.fullmatch(names[0]) else quote(names[0])
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetException

    try:
        nodes = NodeSet.fromlist(names, resolver=RESOLVER_NOGROUP)
        nodes.fold_axis = None  # whatever the machine's defaults.conf says
        folded = str(nodes)
    except (NodeSetException, ValueError):  # ValueError: thousands of digits
        return ",".join(names)
    # Only what reads back as the same names may be shown for them.
    return folded if set(expand(folded)) == set(names) else ",".join(names)
