"""What a file or a folder consists of: the list that both ends of a transfer speak of.

This module and its neighbours `records`, `give` and `take` are the two ends of every transfer:
they run on the host that sends or receives, and on the manager too, so that what comes from a
host meets the same checks as what comes to one. Names are bytes: a file may be called anything.
"""

import errno
import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict, List

FILE, FOLDER, LINK = b"f", b"d", b"l"
SPECIAL, UNREADABLE = b"x", b"e"  # not sent: the target says why

MAX_NUMBER = 1 << 62
MAX_DEPTH = 200  # folders inside each other
KINDS = {0o100000: FILE, 0o040000: FOLDER, 0o120000: LINK}
ODD_KINDS = {0o010000: b"a FIFO", 0o140000: b"a socket"}


class TransferError(Exception):
    """A transfer cannot go on; ``kind`` is the word for programs, the text is for people."""

    def __init__(self, kind: str, text: str) -> None:
        super().__init__(text)
        self.kind = kind


class Entry:
    """One thing in a tree. Sizes in bytes, times in nanoseconds since the epoch.

    Args:
        kind: FILE, FOLDER or LINK; SPECIAL and UNREADABLE are listed only.
        mode: permission bits.
        size: of a file.
        mtime: when it was changed last.
        path: from the root, which has the empty path.
        target: of a link; of what is not sent the reason.
    """

    __slots__ = ("kind", "mode", "mtime", "path", "size", "target")

    def __init__(
        self, kind: bytes, mode: int, size: int, mtime: int, path: bytes, target: bytes = b""
    ) -> None:
        self.kind = kind
        self.mode = mode
        self.size = size
        self.mtime = mtime
        self.path = path
        self.target = target


def words(problem: OSError) -> bytes:
    """Why something could not be done, as people say it."""
    return (problem.strerror or str(problem)).encode("utf-8", "replace")


def shown(path: bytes) -> str:
    """A path for a message."""
    return path.decode("utf-8", "backslashreplace")


def scan(root: bytes) -> "List[Entry]":
    """List a file or a folder, parents before what is in them. Links inside are not followed.

    Raises:
        TransferError: the root is not there, or is neither a file nor a folder.
    """
    try:
        found = posix.stat(root)
    except OSError as problem:
        kind = "missing" if problem.errno == errno.ENOENT else "denied"
        raise TransferError(kind, "%s: %s" % (shown(root), words(problem).decode())) from None
    first = entry_of(b"", found)
    if first.kind not in (FILE, FOLDER):
        reason = first.target.decode()
        raise TransferError("special", "%s is %s, not a file or folder" % (shown(root), reason))
    entries = [first]
    waiting = [b""] if first.kind == FOLDER else []
    while waiting:
        waiting += reversed(scan_folder(root, waiting.pop(), entries))
    return entries


def scan_folder(root: bytes, path: bytes, entries: "List[Entry]") -> "List[bytes]":
    """List one folder into ``entries``; gives the folders in it."""
    folders: "List[bytes]" = []
    inside = path + b"/" if path else b""
    if path.count(b"/") >= MAX_DEPTH:
        entries.append(Entry(UNREADABLE, 0, 0, 0, inside + b"...", b"folders are too deep here"))
        return folders
    try:
        with posix.scandir(root + b"/" + path if path else root) as listing:
            found = sorted(listing, key=lambda item: item.name)
    except OSError as problem:
        entries.append(Entry(UNREADABLE, 0, 0, 0, inside + b".", words(problem)))
        return folders
    later: "List[Entry]" = []
    for item in found:
        try:
            entry = entry_of(inside + item.name, item.stat(follow_symlinks=False))
            if entry.kind == LINK:
                entry.target = posix.readlink(item.path)
        except OSError as problem:
            if problem.errno == errno.ENOENT:
                continue  # it has gone meanwhile
            entry = Entry(UNREADABLE, 0, 0, 0, inside + item.name, words(problem))
        if entry.kind == FOLDER:
            folders.append(entry.path)
            later.append(entry)
        else:
            entries.append(entry)
    entries.extend(later)
    return folders


def entry_of(path: bytes, found: "Any") -> Entry:
    """Make an entry of what ``stat`` says."""
    kind = KINDS.get(found.st_mode & 0o170000)
    if kind is None:
        reason = ODD_KINDS.get(found.st_mode & 0o170000, b"a device")
        return Entry(SPECIAL, 0, 0, found.st_mtime_ns, path, reason)
    size = found.st_size if kind == FILE else 0
    return Entry(kind, found.st_mode & 0o777, size, found.st_mtime_ns, path)


def encode(entries: "List[Entry]") -> bytes:
    """Write a list down; a zero byte is the only one that no name has."""
    return b"".join(
        [
            b"%s %o %d %d\0%s\0%s\0" % (e.kind, e.mode, e.size, e.mtime, e.path, e.target)
            for e in entries
        ]
    )


def decode(data: bytes) -> "List[Entry]":
    """Read a list, believing nothing.

    Raises:
        TransferError: it is not a tree whose every path stays below its root.
    """
    parts = data.split(b"\0")
    if len(parts) % 3 != 1 or parts[-1]:
        raise TransferError("nonsense", "the list of files is cut")
    folders = set()
    entries: "List[Entry]" = []
    known: "Dict[bytes, None]" = {}
    for meta, path, target in zip(parts[0::3], parts[1::3], parts[2::3]):  # noqa: B905
        entry = read_entry(meta, path, target)
        if path in known:
            raise TransferError("nonsense", "%s is listed twice" % shown(path))
        known[path] = None
        if not entries:
            if path or entry.kind not in (FILE, FOLDER):
                raise TransferError("nonsense", "the list does not begin with its root")
        else:
            parent, _, name = path.rpartition(b"/")
            if parent not in folders:
                raise TransferError("nonsense", "%s is in no listed folder" % shown(path))
            if name in (b"", b"..") or (name == b"." and entry.kind != UNREADABLE):
                raise TransferError("nonsense", "%s is not a name" % shown(path))
        if entry.kind == FOLDER:
            folders.add(path)
        entries.append(entry)
    if not entries:
        raise TransferError("nonsense", "the list of files is empty")
    return entries


def read_entry(meta: bytes, path: bytes, target: bytes) -> Entry:
    """Read one line of a list."""
    fields = meta.split(b" ")
    try:
        kind, mode = fields[0], int(fields[1], 8)
        size, mtime = int(fields[2]), int(fields[3])
    except (IndexError, ValueError):
        raise TransferError("nonsense", "the list of files cannot be read") from None
    if kind not in (FILE, FOLDER, LINK, SPECIAL, UNREADABLE) or len(fields) != 4:
        raise TransferError("nonsense", "%s is of no known kind" % shown(path))
    if not (0 <= size < MAX_NUMBER and -MAX_NUMBER < mtime < MAX_NUMBER):
        raise TransferError("nonsense", "%s has no possible size or time" % shown(path))
    if path.count(b"/") > MAX_DEPTH + 1:
        raise TransferError("nonsense", "folders are too deep at %s" % shown(path[:100]))
    return Entry(kind, mode & 0o777, size, mtime, path, target)
