"""What a run wrote, boiled down to what grouping needs: digests, and a head to look at.

An output may be gigabytes; it is read once, in pieces, and only a few kilobytes of it stay.
"""

from __future__ import annotations

import os
import re
from array import array
from dataclasses import dataclass
from difflib import SequenceMatcher
from hashlib import blake2b
from typing import TYPE_CHECKING

from lazytui.ansi import render_line

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEAD_LINES = 60  # kept of an output to be looked at
_HEAD_CHARS = 8 * 1024
_LINE_CHARS = 500
_PRINTS = 2000  # lines of an output that are compared with others
_PIECE = 256 * 1024  # bytes worked on at once: the interpreter is held for about a millisecond
_TAIL = 4 * 1024  # bytes in which the last line is looked for
_ALIGNED = 60  # lines that are aligned with others; above, they are only counted
_MASK = b"\0"

# What a terminal obeys but does not draw: colours, titles, links. An unfinished one ends with
# its line.
_SEQUENCE = re.compile(
    rb"\x1b(?:\[[0-?]*[ -/]*[@-~]?|[\]PX^_][^\x07\x1b\n]*(?:\x07|\x1b\\)?|[ -/]*[0-~]?)"
)
# What was drawn over after a carriage return: all states of a progress bar but the last.
_OVERWRITTEN = re.compile(rb"^[^\n]*\r(?=[^\n])", re.MULTILINE)
_WORD = re.compile(r"\w+|\s+|.")


@dataclass(frozen=True, slots=True)
class Output:
    """The output of one run.

    Args:
        line_count: all of its lines.
        digest: of its text without colours and without what a progress bar drew over.
        masked: the same with the host's own name left open.
        head: its first lines as a terminal would show them, at most :data:`HEAD_LINES`.
        prints: a fingerprint of each line, up to a limit.
        masked_prints: fingerprints of the lines that have the host's own name in them, with the
            name left open, by line.
    """

    line_count: int
    digest: bytes
    masked: bytes
    head: tuple[str, ...]
    prints: array[int]
    masked_prints: dict[int, int]


@dataclass(frozen=True, slots=True)
class Difference:
    """How an output differs from a reference.

    Args:
        count: lines that differ, of those that were compared.
        lines: which lines of the output these are, each with the line of the reference that it
            stands in for; None where it has no counterpart.
        is_whole: both outputs were compared to their ends.
        is_all: they have nothing in common.
    """

    count: int
    lines: dict[int, int | None]
    is_whole: bool
    is_all: bool


class _Reader:
    """Takes the text of an output in pieces."""

    def __init__(self, host: str) -> None:
        name = host.encode("utf-8", "surrogateescape")
        self._name = name
        self._own = re.compile(rb"(?<![0-9A-Za-z_-])" + re.escape(name) + rb"(?![0-9A-Za-z_])")
        self._digest = blake2b(digest_size=16)
        self._masked: blake2b | None = None  # from the first line with the name on
        self._line_count = 0
        self._head: list[str] = []
        self._head_room = _HEAD_CHARS
        self._prints = array("q")
        self._masked_prints: dict[int, int] = {}

    def take(self, piece: bytes) -> None:
        """Take some whole lines; but for the first piece, the newline before them included."""
        text = _drawn(piece)
        masked = self._own.sub(_MASK, text) if self._name and self._name in text else text
        if self._masked is None and masked is not text:
            self._masked = self._digest.copy()
        self._digest.update(text)
        if self._masked is not None:
            self._masked.update(masked)
        skipped = 1 if self._line_count else 0
        if len(self._prints) < _PRINTS:
            self._look(text.split(b"\n", _PRINTS)[skipped:], masked.split(b"\n", _PRINTS)[skipped:])
        self._line_count += text.count(b"\n") + 1 - skipped

    def _look(self, lines: list[bytes], masked: list[bytes]) -> None:
        start = len(self._prints)
        room = _PRINTS - start
        self._prints.extend(hash(line) for line in lines[:room])
        for number, (line, open_line) in enumerate(zip(lines[:room], masked, strict=False), start):
            if line != open_line:
                self._masked_prints[number] = hash(open_line)
        for line in lines[: HEAD_LINES - len(self._head)]:
            if self._head_room <= 0:
                break
            shown = render_line(line[: 4 * _LINE_CHARS])[:_LINE_CHARS]
            self._head.append(shown)
            self._head_room -= len(shown)

    def output(self) -> Output:
        """Give what was found."""
        digest = self._digest.digest()
        return Output(
            line_count=self._line_count,
            digest=digest,
            masked=self._masked.digest() if self._masked is not None else digest,
            head=tuple(self._head),
            prints=self._prints,
            masked_prints=self._masked_prints,
        )


def as_output(text: str) -> Output:
    """Give a text of our own the form of an output: why there is none to show."""
    reader = _Reader("")
    reader.take(text.encode("utf-8", "replace"))
    return reader.output()


def _drawn(piece: bytes) -> bytes:
    """Take out of some lines what is not seen in the end."""
    if b"\x1b" in piece:
        piece = _SEQUENCE.sub(b"", piece)
    if b"\r" in piece:
        piece = piece.replace(b"\r\n", b"\n").removesuffix(b"\r")
        piece = _OVERWRITTEN.sub(b"", piece)
    return piece


def read_output(path: Path, host: str, is_cancelled: Callable[[], bool]) -> Output:
    """Read the output of a run; for a thread. One newline at its end counts for nothing.

    Args:
        path: the spool; a missing one is an empty output.
        host: where it ran: outputs that differ only in the host's own name are equal.
        is_cancelled: asked between pieces; when it says so, what was read until then is given.

    Raises:
        OSError: the spool cannot be read.
    """
    reader = _Reader(host)
    rest = b""
    try:
        file = path.open("rb", buffering=0)
    except FileNotFoundError:
        return reader.output()
    with file:
        while (data := file.read(_PIECE)) and not is_cancelled():
            rest += data
            # Lines stay whole, but for one that is longer than a piece.
            cut = rest.rfind(b"\n", 1)
            if cut < 0 and len(rest) >= 4 * _PIECE:
                cut = len(rest)
            if cut > 0:
                reader.take(rest[:cut])
                rest = rest[cut:]
    if rest not in (b"", b"\n", b"\r\n"):
        reader.take(rest)
    return reader.output()


def read_last_line(path: Path) -> str:
    """Give the last line of a growing spool that has text, as a terminal shows it now."""
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            tail = os.pread(file.fileno(), _TAIL, max(0, size - _TAIL))
    except OSError:
        return ""
    for line in reversed(tail.split(b"\n")):
        state = line.rstrip(b"\r").rpartition(b"\r")[2]
        if shown := render_line(state)[:_LINE_CHARS].rstrip():
            return shown
    return ""


def difference(reference: Output, other: Output) -> Difference:
    """Compare two outputs line by line, each with its host's own name left open."""
    ours, theirs = _tokens(reference, other)
    begin = _common(ours, theirs)
    end = _common(ours[begin:][::-1], theirs[begin:][::-1])
    ours, theirs = ours[begin : len(ours) - end], theirs[begin : len(theirs) - end]
    is_whole = all(len(o.prints) == o.line_count for o in (reference, other))
    if max(len(ours), len(theirs)) > _ALIGNED:
        known = set(ours)
        lines: dict[int, int | None] = {
            begin + i: None for i, token in enumerate(theirs) if token not in known
        }
        gone = len(known.difference(theirs))
        is_all = not (begin or end or known.intersection(theirs))
        return Difference(max(len(lines), gone), lines, is_whole, is_all)
    count, lines, is_all = 0, {}, not (begin or end)
    matcher = SequenceMatcher(None, ours, theirs, autojunk=False)
    for tag, a, a_end, b, b_end in matcher.get_opcodes():
        if tag == "equal":
            is_all = False
        else:
            count += max(a_end - a, b_end - b)
            for line in range(b, b_end):
                pair = a + line - b
                lines[begin + line] = begin + pair if pair < a_end else None
    return Difference(count, lines, is_whole, is_all)


def _tokens(reference: Output, other: Output) -> tuple[list[int], list[int]]:
    """Give the lines of both as numbers, equal where lines count as equal."""
    ours = _masked_tokens(reference)
    same = dict(zip(reference.prints, ours, strict=True))
    masked = dict(zip(ours, ours, strict=True))
    theirs = [
        same.get(plain, masked.get(open_line, open_line))
        for plain, open_line in zip(other.prints, _masked_tokens(other), strict=True)
    ]
    return ours, theirs


def _masked_tokens(output: Output) -> list[int]:
    tokens = list(output.prints)
    for line, token in output.masked_prints.items():
        tokens[line] = token
    return tokens


def _common(one: list[int], other: list[int]) -> int:
    """How many first elements are the same."""
    if one == other:
        return len(one)
    pairs = zip(one, other, strict=False)
    found = next((index for index, (a, b) in enumerate(pairs) if a != b), None)
    return min(len(one), len(other)) if found is None else found


def differing_part(reference: str, other: str) -> tuple[int, int]:
    """Say which characters of a line are not as in the reference, in whole words.

    Returns:
        Start and end in ``other``; equal when nothing of it differs (something is missing).
    """
    ours, theirs = _WORD.findall(reference), _WORD.findall(other)
    begin = 0
    while begin < min(len(ours), len(theirs)) and ours[begin] == theirs[begin]:
        begin += 1
    end = 0
    room = min(len(ours), len(theirs)) - begin
    while end < room and ours[-1 - end] == theirs[-1 - end]:
        end += 1
    start = sum(map(len, theirs[:begin]))
    return start, len(other) - sum(map(len, theirs[len(theirs) - end :]))
