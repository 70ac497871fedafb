"""Compares what two runs wrote, line by line, without what is to be ignored.

Everything here blocks and is for a thread. Outputs may be gigabytes; what is compared of them is
bounded, and :attr:`Comparison.is_cut` says so.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Literal

from lazytui.ansi import render_line
from lazytui.core.outputs import differing_part
from lazytui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from collections.abc import Set as AbstractSet
    from pathlib import Path

MOST_BYTES = 8 * 1024 * 1024  # of each output
MOST_LINES = 10_000
LINE_CHARS = 2000
CONTEXT = 2  # equal lines that stay in sight around a difference
_EXACT = 1000  # lines up to which the best alignment is looked for, above a good one

_DIGITS = re.compile(r"\d+")


@dataclass(frozen=True, slots=True)
class Ignore:
    """What does not make lines different.

    Args:
        names: each host's own name.
        digits: how numbers read.
        spaces: how many blanks there are.
        pattern: what an expression finds; empty for nothing.
    """

    names: bool = True
    digits: bool = False
    spaces: bool = False
    pattern: str = ""

    def check(self) -> None:
        """Refuse an expression that cannot be read.

        Raises:
            UsageError: it is none.
        """
        try:
            re.compile(self.pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise UsageError(f"cannot read the expression: {error}") from None


@dataclass(frozen=True, slots=True)
class Text:
    """The lines of one output as a terminal shows them; ``is_cut`` when there were more."""

    host: str
    lines: tuple[str, ...]
    is_cut: bool = False


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that are equal, or stand for each other: ``a`` of the reference, ``b`` of the other."""

    equal: bool
    a: int
    a_end: int
    b: int
    b_end: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What came of it: the texts and their blocks, in order."""

    reference: Text
    other: Text
    blocks: tuple[Block, ...]

    @property
    def count(self) -> int:
        """How many differences there are, each a run of lines."""
        return sum(not block.equal for block in self.blocks)

    @property
    def is_cut(self) -> bool:
        """Whether something was left out at the end of one."""
        return self.reference.is_cut or self.other.is_cut


Kind = Literal["same", "gone", "new", "fold"]


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a comparison.

    Args:
        kind: in both, only in the reference, only in the other, or equal lines put away.
        number: of the line, from 1 on; for what was put away, how many lines that are.
        text: of the line.
        part: the characters that differ from the line that it stands for; equal when none do.
        block: the place of its block.
    """

    kind: Kind
    number: int
    text: str
    part: tuple[int, int]
    block: int


def read_text(path: Path, host: str) -> Text:
    """Read the lines of an output.

    Args:
        path: the spool; a missing one is an empty output.
        host: where it ran.

    Raises:
        OSError: it cannot be read.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return Text(host, ())
    raw = data[:MOST_BYTES].removesuffix(b"\n").split(b"\n") if data else []
    lines = tuple(_shown(line) for line in raw[:MOST_LINES])
    return Text(host, lines, len(data) > MOST_BYTES or len(raw) > MOST_LINES)


def _shown(line: bytes) -> str:
    """Give the last state of a line, as a progress bar leaves it."""
    state = line.rstrip(b"\r").rpartition(b"\r")[2]
    return render_line(state[: 4 * LINE_CHARS])[:LINE_CHARS]


def compare(reference: Text, other: Text, ignore: Ignore) -> Comparison:
    """Compare two outputs."""
    ours, theirs = _keys(reference, ignore), _keys(other, ignore)
    begin = _common(ours, theirs)
    end = _common(ours[begin:][::-1], theirs[begin:][::-1])
    a_end, b_end = len(ours) - end, len(theirs) - end
    blocks = [Block(True, 0, begin, 0, begin)] if begin else []
    middle, other_middle = ours[begin:a_end], theirs[begin:b_end]
    if middle or other_middle:
        # A line that stands everywhere aligns nothing, but costs the most.
        rough = max(len(middle), len(other_middle)) > _EXACT
        matcher = SequenceMatcher(None, middle, other_middle, autojunk=rough)
        blocks += [
            Block(tag == "equal", begin + a, begin + a_to, begin + b, begin + b_to)
            for tag, a, a_to, b, b_to in matcher.get_opcodes()
        ]
    if end:
        blocks.append(Block(True, a_end, len(ours), b_end, len(theirs)))
    return Comparison(reference, other, tuple(blocks))


def _keys(text: Text, ignore: Ignore) -> list[str]:
    """Give the lines in the form in which equal ones are equal."""
    keys = list(text.lines)
    if ignore.pattern:
        pattern = re.compile(ignore.pattern)
        keys = [pattern.sub("", line) for line in keys]
    if ignore.names and text.host:
        own = re.compile(rf"(?<![0-9A-Za-z_-]){re.escape(text.host)}(?![0-9A-Za-z_])")
        keys = [own.sub("\0", line) if text.host in line else line for line in keys]
    if ignore.digits:
        keys = [_DIGITS.sub("0", line) for line in keys]
    if ignore.spaces:
        keys = [" ".join(line.split()) for line in keys]
    return keys


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many first lines are the same."""
    shortest = min(len(one), len(other))
    return next((at for at in range(shortest) if one[at] != other[at]), shortest)


def rows(found: Comparison, opened: AbstractSet[int]) -> list[Row]:
    """Lay a comparison out; long runs of equal lines become one row, but for the opened blocks."""
    laid: list[Row] = []
    for place, block in enumerate(found.blocks):
        if block.equal:
            laid += _same(found, place, block, whole=place in opened)
        else:
            laid += _different(found, place, block)
    return laid


def _same(found: Comparison, place: int, block: Block, *, whole: bool) -> Iterator[Row]:
    before = CONTEXT if place else 0
    after = CONTEXT if place + 1 < len(found.blocks) else 0
    length = block.b_end - block.b
    put_away = length - before - after
    lines = found.other.lines
    for offset in range(length):
        if put_away > 1 and not whole and before <= offset < length - after:
            if offset == before:
                yield Row("fold", put_away, "", (0, 0), place)
            continue
        at = block.b + offset
        yield Row("same", at + 1, lines[at], (0, 0), place)


def _different(found: Comparison, place: int, block: Block) -> Iterator[Row]:
    gone, new = range(block.a, block.a_end), range(block.b, block.b_end)
    if len(gone) != len(new):
        yield from (_gone(found, place, a, None) for a in gone)
        yield from (_new(found, place, None, b) for b in new)
        return
    for a, b in zip(gone, new, strict=True):
        yield _gone(found, place, a, b)
        yield _new(found, place, a, b)


def _gone(found: Comparison, place: int, a: int, b: int | None) -> Row:
    text = found.reference.lines[a]
    part = (0, 0) if b is None else differing_part(found.other.lines[b], text)
    return Row("gone", a + 1, text, part, place)


def _new(found: Comparison, place: int, a: int | None, b: int) -> Row:
    text = found.other.lines[b]
    part = (0, 0) if a is None else differing_part(found.reference.lines[a], text)
    return Row("new", b + 1, text, part, place)


def as_text(found: Comparison, names: tuple[str, str]) -> str:
    """Write a comparison as a unified diff would, for a file.

    Args:
        found: what came of it.
        names: of the two sides.
    """
    signs = {"same": " ", "gone": "-", "new": "+"}
    lines = [f"--- {names[0]}", f"+++ {names[1]}"]
    for row in rows(found, frozenset()):
        if row.kind == "fold":
            lines.append(f"@@ {row.number} equal lines @@")
        else:
            lines.append(signs[row.kind] + row.text)
    if found.is_cut:
        lines.append("@@ more was not compared @@")
    return "\n".join(lines) + "\n"
