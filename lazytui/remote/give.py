"""The giving end of a transfer: what is wanted of a tree, cut into blocks of records.

A block can be made at any time and by anybody who has the plan, so several readers can share
blocks, and one that is late makes its own.
"""

import posix

from lazytui.remote.records import head, record
from lazytui.remote.tree import FILE, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, List, Tuple

    from lazytui.remote.tree import Entry

SMALL = 1 << 17  # a file up to this size is one record
FILES_PER_BLOCK = 256
NO_CHECK = b"-"


def digest(fd: int, size: int) -> bytes:
    """The checksum of the first ``size`` bytes of an open file; empty when it is shorter."""
    from _blake2 import blake2b  # `hashlib` imports OpenSSL: 5 ms a host

    total = blake2b(digest_size=20)
    posix.lseek(fd, 0, 0)
    while size:
        piece = posix.read(fd, min(size, 1 << 20))
        if not piece:
            return b""
        total.update(piece)
        size -= len(piece)
    return total.hexdigest().encode("ascii")


def open_to_read(path: bytes) -> int:
    """Open a file that nobody has put something else in the place of."""
    return posix.open(path, posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC)


def read_wants(text: bytes, entries: "List[Entry]") -> "List[Tuple[int, int, bytes]]":
    """Read what the taker wants: file number, bytes it has already, and their checksum.

    Raises:
        ValueError: nonsense.
    """
    wants: "List[Tuple[int, int, bytes]]" = []
    for line in text.splitlines():
        fields = line.split(b" ")
        index, offset = int(fields[0]), int(fields[1])
        entry = entries[index] if 0 <= index < len(entries) else None
        if entry is None or entry.kind != FILE or not 0 <= offset <= entry.size:
            raise ValueError("file %d is wanted from byte %d" % (index, offset))
        wants.append((index, offset, fields[2]))
    return wants


class Source:
    """Gives what is wanted of a tree.

    Args:
        root: its path.
        entries: what it has.
        wants: which files, as `read_wants` gives them; checksums are compared here.
        block: bytes of a block, about.
    """

    def __init__(
        self,
        root: bytes,
        entries: "List[Entry]",
        wants: "List[Tuple[int, int, bytes]]",
        block: int = 1 << 20,
    ) -> None:
        self.root = root
        self.entries = entries
        self.block_bytes = block
        self.size = 0  # bytes of files that the blocks carry
        self.spare: "Any" = None  # what a block of the last size was made in, if it may be again
        self.keeps = True  # whether a block stays as it is when the next is made
        self.starts: "List[int]" = []
        self.parts: "List[Tuple[List[int], int]]" = []  # small files, or (one file, offset)
        self.count = 0
        batch: "List[int]" = []
        held = 0
        for index, offset, check in wants:
            entry = entries[index]
            if check != NO_CHECK and not self.same(entry, offset, check):
                offset = 0
            self.size += entry.size - offset
            if entry.size <= SMALL and not offset:
                batch.append(index)
                held += entry.size
                if held >= block or len(batch) >= FILES_PER_BLOCK:
                    self.add(batch, -1, 1)
                    batch, held = [], 0
            else:
                self.add([index], offset, max(1, -(-(entry.size - offset) // block)))
        if batch:
            self.add(batch, -1, 1)

    def add(self, files: "List[int]", offset: int, blocks: int) -> None:
        """Plan one batch of small files, or one big file."""
        self.starts.append(self.count)
        self.parts.append((files, offset))
        self.count += blocks

    def same(self, entry: "Entry", size: int, check: bytes) -> bool:
        """Whether the taker's first bytes are those of the file."""
        try:
            fd = self.open(entry)
            try:
                return digest(fd, size) == check
            finally:
                posix.close(fd)
        except OSError:
            return False

    def open(self, entry: "Entry") -> int:
        """Open a file of the tree; the root may be a link, nothing else."""
        if entry.path:
            return open_to_read(self.root + b"/" + entry.path)
        return posix.open(self.root, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC)

    def block(self, number: int) -> "Any":
        """Make one block; files that changed or vanished become F records."""
        low, high = 0, len(self.starts)
        while high - low > 1:
            middle = (low + high) // 2
            if self.starts[middle] <= number:
                low = middle
            else:
                high = middle
        files, offset = self.parts[low]
        if offset < 0:
            return b"".join([self.whole(index) for index in files])
        return self.piece(files[0], offset, number - self.starts[low])

    def whole(self, index: int) -> bytes:
        """One small file as a record."""
        entry = self.entries[index]
        try:
            fd = self.open(entry)
            try:
                data = posix.read(fd, entry.size + 1)
                if len(data) != entry.size or posix.fstat(fd).st_mtime_ns != entry.mtime:
                    return changed(index)
            finally:
                posix.close(fd)
        except OSError as problem:
            return record(b"F", words(problem), index)
        return head(b"H", index, len(data)) + data

    def piece(self, index: int, offset: int, number: int) -> "Any":
        """One piece of a big file, between its begin and its end where it has them."""
        entry = self.entries[index]
        begin = offset + number * self.block_bytes
        length = min(self.block_bytes, entry.size - begin)
        if not length:
            return record(b"=", b"", index)
        opening = record(b"S", b"%d" % offset, index) if number == 0 else b""
        opening += head(b"D", index, length)
        closing = record(b"E", b"", index) if begin + length == entry.size else b""
        data = self.room(len(opening) + length + len(closing))
        data[: len(opening)] = opening
        try:
            fd = self.open(entry)
            try:
                posix.lseek(fd, begin, 0)
                view = memoryview(data)[len(opening) : len(opening) + length]
                got = fill(fd, view)
                now = posix.fstat(fd)
            finally:
                posix.close(fd)
        except OSError as problem:
            return record(b"F", words(problem), index)
        if got != length or now.st_mtime_ns != entry.mtime or now.st_size != entry.size:
            return changed(index)
        data[len(data) - len(closing) :] = closing
        return data

    def room(self, size: int) -> "Any":
        """Bytes to be overwritten; a fresh block is mapped and cleared, a third of its cost."""
        if self.keeps:
            return bytearray(size)
        if self.spare is None or len(self.spare) != size:
            self.spare = bytearray(size)
        return self.spare


def changed(index: int) -> bytes:
    """The record that says that a file is no longer what it was when it was listed."""
    return record(b"F", b"changed while it was sent", index)


def fill(fd: int, view: "Any") -> int:
    """Read until a buffer is full or the file ends; gives the bytes read."""
    got = 0
    while got < len(view):
        count = posix.readv(fd, [view[got:]])
        if not count:
            break
        got += count
    return got


def give(source: Source, write: "Callable[[Any], None]") -> None:
    """Write all blocks, one after the other, and the end."""
    source.keeps = False
    for number in range(source.count):
        write(source.block(number))
    write(record(b"Z"))
