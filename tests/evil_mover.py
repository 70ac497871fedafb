"""A host that cheats at file transfers: real sshd, a real agent, its own program for files.

:func:`evil_python` writes an interpreter for the config of a host. It runs whatever it is given,
but for the program that takes and gives files, which is replaced by one of the ``LIES``.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.remote import tree
from lazytui.remote.records import head, in_pieces, record
from lazytui.remote.tree import FILE, FOLDER, LINK, Entry

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import NoReturn

CHECKOUT = Path(__file__).parents[1]
ENDLESS = bytes(1 << 16)
ASKED = b""  # instead of a piece: wait until the manager has said which files it wants

_PROGRAM = """\
import re, sys
source = sys.stdin.buffer.read(int(re.search(r"read.(\\d+)", sys.argv[-1]).group(1)))
if b"class Mover" in source:
    sys.path[:0] = [{checkout!r}]
    from tests.evil_mover import lie
    lie({name!r}, {outside!r}, source)
exec(source)
"""


def evil_python(path: Path, name: str, outside: Path) -> str:
    """Write the interpreter; ``outside`` is the folder that a lie would like to write into."""
    program = path.with_suffix(".py")
    words = {"checkout": str(CHECKOUT), "name": name, "outside": str(outside)}
    program.write_text(_PROGRAM.format(**words))
    path.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S {program} "$@"\n')
    path.chmod(0o755)
    return str(path)


def lie(name: str, outside: str, source: bytes) -> NoReturn:
    """Greet as the program for files does, then tell a lie until nobody listens."""
    (marker,) = re.findall(rb"MARKER=b'(\w+)'", source[:100])
    try:
        _write(marker)
        for piece in LIES[name](os.fsencode(outside)):
            _write(piece)
            if piece == ASKED:
                _wait_until_asked()
        while os.read(0, 65536):
            pass
    finally:
        os._exit(0)


def _write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


def _wait_until_asked() -> None:
    said = b""
    while b"W" not in said:
        said += os.read(0, 65536)


def _listed(*entries: Entry) -> bytes:
    return in_pieces(b"L", tree.encode([_folder(b""), *entries]))


def _folder(path: bytes) -> Entry:
    return Entry(FOLDER, 0o755, 0, 0, path)


def _file(path: bytes, size: int = 5) -> Entry:
    return Entry(FILE, 0o644, size, 0, path)


def _link(path: bytes, target: bytes) -> Entry:
    return Entry(LINK, 0o777, 0, 0, path, target)


def _climbs(outside: bytes) -> Iterator[bytes]:
    """Names a file by a way out of the folder."""
    yield _listed(_file(b"../evil"))
    yield ASKED
    yield record(b"H", b"hello", 1) + record(b"Z")


def _is_absolute(outside: bytes) -> Iterator[bytes]:
    """Names a file by its path from the root."""
    yield _listed(_file(outside + b"/evil"))
    yield ASKED
    yield record(b"H", b"hello", 1) + record(b"Z")


def _goes_through_a_link(outside: bytes) -> Iterator[bytes]:
    """Lists a link out of the folder, and a file behind it."""
    yield _listed(_link(b"x", outside), _file(b"x/evil"))
    yield ASKED
    yield record(b"H", b"hello", 2) + record(b"Z")


def _swaps_a_folder(outside: bytes) -> Iterator[bytes]:
    """Lists one name as a folder and as a link, so that its file goes through the link."""
    yield _listed(_folder(b"x"), _link(b"x", outside), _file(b"x/evil"))
    yield ASKED
    yield record(b"H", b"hello", 3) + record(b"Z")


def _lists_without_end(outside: bytes) -> Iterator[bytes]:
    """Never comes to the end of its list."""
    while True:
        yield record(b"L", ENDLESS, 0)


def _sends_without_end(outside: bytes) -> Iterator[bytes]:
    """Sends a file that is longer than it was listed."""
    yield _listed(_file(b"big", 1 << 20))
    yield ASKED
    yield record(b"S", b"0", 1) + head(b"D", 1, 1 << 31)
    while True:
        yield ENDLESS


def _claims_a_huge_file(outside: bytes) -> Iterator[bytes]:
    """Lists a file for which no disk has the room."""
    yield _listed(_file(b"huge", 1 << 60))


def _sends_a_huge_record(outside: bytes) -> Iterator[bytes]:
    """Sends a record that nobody has the memory for."""
    yield _listed(_file(b"a"))
    yield ASKED
    yield head(b"H", 1, (1 << 32) - 1)
    while True:
        yield ENDLESS


def _sends_another_file(outside: bytes) -> Iterator[bytes]:
    """Sends a file that was not asked for in place of the one that was."""
    yield _listed(_file(b"a"), _folder(b"x"))
    yield ASKED
    yield record(b"H", b"hello", 2) + record(b"Z")


def _ends_too_early(outside: bytes) -> Iterator[bytes]:
    """Says that all is sent when nothing was."""
    yield _listed(_file(b"a"))
    yield ASKED
    yield record(b"Z")


def _babbles(outside: bytes) -> Iterator[bytes]:
    """Sends what is no record of any kind."""
    yield b"\xff" * 100


def _says_escapes(outside: bytes) -> Iterator[bytes]:
    """Refuses, in words that would act on a terminal."""
    yield record(b"X", b"error\0\x1b]52;c;ZXZpbA==\x07\x9b31m no\x1b[2J")


LIES: dict[str, Callable[[bytes], Iterator[bytes]]] = {
    "climbs": _climbs,
    "is absolute": _is_absolute,
    "goes through a link": _goes_through_a_link,
    "swaps a folder": _swaps_a_folder,
    "lists without end": _lists_without_end,
    "sends without end": _sends_without_end,
    "claims a huge file": _claims_a_huge_file,
    "sends a huge record": _sends_a_huge_record,
    "sends another file": _sends_another_file,
    "ends too early": _ends_too_early,
    "babbles": _babbles,
    "says escapes": _says_escapes,
}
