"""The audit as a file, to be read by people or by programs; and finding lines in it."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING

from lazytui.text import sanitize

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from lazytui.core.audit import AuditRecord

JSON_SUFFIXES = (".jsonl", ".json", ".ndjson")


def matches(record: AuditRecord, words: Iterable[str]) -> bool:
    """Whether each word is somewhere in a line, in any case; one with ``!`` before it is not."""
    line = f"{record.who} {record.what} {record.subject} {record.where} {record.result}"
    folded = line.casefold()
    return all(
        (word[1:].casefold() not in folded) if word[:1] == "!" and word[1:] else
        (word.casefold() in folded)
        for word in words
    )  # fmt: skip


def save(path: Path, records: Sequence[AuditRecord]) -> None:
    """Write lines to a new file that only its owner can read; for a thread.

    Args:
        path: JSON lines when it ends like them, else text.
        records: what to write, in this order.

    Raises:
        FileExistsError: there is such a file; nothing is written over.
        OSError: it cannot be written.
    """
    line_of = _json_line if path.suffix.lower() in JSON_SUFFIXES else _text_line
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    with os.fdopen(os.open(path, flags, 0o600), "w", encoding="utf-8") as file:
        file.writelines(f"{line_of(record)}\n" for record in records)


def as_json(record: AuditRecord) -> dict[str, object]:
    """Give a line with the keys that scripts rely on."""
    return {
        "when": _iso(record.at),
        "who": record.who,
        "what": record.what,
        "subject": record.subject,
        "where": record.where,
        "result": record.result,
        "task_id": record.task_id,
    }


def _json_line(record: AuditRecord) -> str:
    return json.dumps(as_json(record))


def _text_line(record: AuditRecord) -> str:
    fields = (record.who, record.what, record.subject, record.where, record.result)
    told = "  ".join(sanitize(field) or "-" for field in fields)
    return f"{_iso(record.at)}  {told}"


def _iso(at: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(at))
