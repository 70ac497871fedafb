"""Saving what a task wrote: a folder with one file per host, or one gathered file.

Nothing is ever written over: a name that is taken gets a number.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from lazytui.core.model import RunRecord
    from lazytui.core.outcomes import Outcome

_RULE = b"---------------\n"
_UNSAFE = re.compile(r"[^\w.@+=,\[\]-]|^\.")
_NAME_CHARS = 100


def save_folder(folder: Path, records: Iterable[RunRecord]) -> Path:
    """Copy the output of each run, as it is, into a new folder; for a thread.

    Args:
        folder: where it shall be.
        records: the runs; one whose output is missing gets an empty file.

    Returns:
        The folder.

    Raises:
        OSError: it cannot be written.
    """
    made = next(path for path in _free_names(folder, "") if _is_made(path))
    for record in records:
        name = _UNSAFE.sub("_", record.host)[:_NAME_CHARS] or "_"
        with _new_file(made / name, ".log") as file:
            _copy(record, file)
    return made


def save_gathered(path: Path, outcomes: Sequence[Outcome]) -> Path:
    """Write each different output once, under its hosts, as ``clush -b`` does; for a thread.

    Args:
        path: where it shall be, without a suffix.
        outcomes: what to write.

    Returns:
        The file.

    Raises:
        OSError: it cannot be written.
    """
    with _new_file(path, ".txt") as file:
        for outcome in outcomes:
            heading = _heading(outcome).encode("utf-8", "surrogateescape")
            file.writelines((_RULE, heading, b"\n", _RULE))
            _copy(outcome.first, file)
        return Path(file.name)


def _heading(outcome: Outcome) -> str:
    first = outcome.first
    count = f" ({len(outcome.records)})" if len(outcome.records) > 1 else ""
    status = outcome.kind.value if first.exit_status is None else f"exit {first.exit_status}"
    reason = " ".join(first.reason.split())
    return f"{outcome.name}{count} {status}{f' {reason}' if reason else ''}"


def _copy(record: RunRecord, file: BinaryIO) -> None:
    try:
        with Path(record.spool).open("rb") as spool:
            shutil.copyfileobj(spool, file)
            size = spool.tell()
            spool.seek(max(0, size - 1))
            if spool.read(1) not in (b"", b"\n"):
                file.write(b"\n")
    except (FileNotFoundError, IsADirectoryError):
        return  # nothing was written, or it was forgotten


def _new_file(path: Path, suffix: str) -> BinaryIO:
    for free in _free_names(path, suffix):
        try:
            return free.open("xb")
        except FileExistsError:
            continue
    raise AssertionError("there is always a number more")


def _free_names(path: Path, suffix: str) -> Iterator[Path]:
    yield path.with_name(path.name + suffix)
    number = 1
    while True:
        number += 1
        yield path.with_name(f"{path.name}-{number}{suffix}")


def _is_made(folder: Path) -> bool:
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        return False
    return True
