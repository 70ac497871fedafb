"""What came of a transfer, and how its two ends say so."""

from __future__ import annotations

from dataclasses import dataclass

from lazytui.errors import TransferError
from lazytui.text import sanitize, size_text

SHOWN = 20  # paths named in a report


@dataclass(frozen=True, slots=True)
class Report:
    """What came of a transfer.

    Args:
        target: where the file or folder is now, at the end that took it.
        files: written.
        size_bytes: written.
        unchanged: files that were there already.
        skipped: path and reason of what is neither file, folder nor link.
        failed: path and reason of what could not be read or written.
    """

    target: str
    files: int
    size_bytes: int
    unchanged: int
    skipped: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, text: bytes) -> Report:
        """Read the taker's report.

        Raises:
            TransferError: it is none.
        """
        first, target, *rest = (*text.split(b"\0"), b"")[:-1] or (b"", b"")
        try:
            files, size, unchanged, skipped = map(int, first.split())
        except ValueError as error:
            raise TransferError("the host's report cannot be read") from error
        words = [sanitize(word, max_chars=300) for word in rest]
        pairs = tuple(zip(words[0::2], words[1::2], strict=False))
        where = sanitize(target, max_chars=1000)
        return cls(where, files, size, unchanged, pairs[:skipped], pairs[skipped:])

    @property
    def words(self) -> str:
        """What was done: ``3 files, 12M; 5 unchanged; 1 skipped``."""
        parts = [f"{_count(self.files, 'file')}, {size_text(self.size_bytes)}"]
        parts += [f"{self.unchanged} unchanged"] if self.unchanged else []
        parts += [f"{len(self.skipped)} skipped"] if self.skipped else []
        parts += [f"{len(self.failed)} failed"] if self.failed else []
        return "; ".join(parts)

    @property
    def text(self) -> str:
        """The report in lines: what was done, then what was not."""
        lines = [f"{self.words} -> {self.target}"]
        for head, pairs in (("skipped", self.skipped), ("failed", self.failed)):
            lines += [f"{head}: {path}: {reason}" for path, reason in pairs[:SHOWN]]
            if pairs[SHOWN:]:
                lines.append(f"{head}: {len(pairs) - SHOWN} more")
        return "".join(f"{line}\n" for line in lines)


def refusal(data: bytes) -> TransferError:
    """Read why the other end does not go on."""
    return TransferError(sanitize(data.partition(b"\0")[2], max_chars=500))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
