"""What a transfer does with a name in an open folder, and with the paths its user gave."""

import binascii
import errno
import posix

from lazytui.remote.tree import FILE, FOLDER, SPECIAL, TransferError, shown, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List

    from lazytui.remote.tree import Entry

NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def make_folders(path: bytes) -> None:
    """Make a folder and those above it."""
    try:
        posix.mkdir(path, 0o777)
    except FileExistsError:
        return
    except FileNotFoundError:
        parent = path.rstrip(b"/").rpartition(b"/")[0]
        if not parent or parent == path:
            raise
        make_folders(parent)
        try:
            posix.mkdir(path, 0o777)
        except FileExistsError:
            return


def mark(text: bytes) -> bytes:
    """A short word for a text, the same at every try."""
    return b"%08x%08x" % (binascii.crc32(text), binascii.crc32(text[::-1], 77))


def part_name(name: bytes, word: bytes) -> bytes:
    """The temporary name of a file or folder; names may have 255 bytes."""
    return b"." + name[:200] + b".lazytui-" + word + b".part"


def kind_at(path: bytes) -> bytes:
    """What is at a path: FILE, FOLDER, something else, or nothing (empty)."""
    try:
        mode = posix.stat(path).st_mode & 0o170000
    except OSError:
        return b""
    return {0o100000: FILE, 0o040000: FOLDER}.get(mode, SPECIAL)


def stat_at(name: bytes, fd: int) -> "Any":
    """What is at a name, links not followed; None for nothing."""
    try:
        return posix.stat(name, dir_fd=fd, follow_symlinks=False)
    except FileNotFoundError:
        return None


def is_file(found: "Any") -> bool:
    """Whether something is a regular file."""
    return found is not None and found.st_mode & 0o170000 == 0o100000


def is_same(found: "Any", entry: "Entry") -> bool:
    """Whether a file looks unchanged: its size, and its time as far as the disk keeps it."""
    if not is_file(found) or found.st_size != entry.size:
        return False
    here, there = found.st_mtime_ns, entry.mtime
    return bool(here == there or (here % 1000000000 == 0 and here == there - there % 1000000000))


def pour(fd: int, data: "Any") -> None:
    """Write all of it."""
    done = posix.write(fd, data)
    while done < len(data):
        done += posix.write(fd, memoryview(data)[done:])


def pour_all(fd: int, pieces: "List[bytes]") -> None:
    """Write all pieces, with as few calls as there can be."""
    done = posix.writev(fd, pieces)
    for piece in pieces:
        if done < len(piece):
            pour(fd, memoryview(piece)[done:])
        done = max(0, done - len(piece))


def unlink_at(name: bytes, fd: int) -> None:
    """Remove a file that may be there."""
    try:
        posix.unlink(name, dir_fd=fd)
    except OSError:
        return


def chmod_at(name: bytes, mode: int, fd: int) -> None:
    """Change the mode of a file that is no link."""
    file = posix.open(name, posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK, dir_fd=fd)
    try:
        posix.fchmod(file, mode)
    finally:
        posix.close(file)


def failure(path: bytes, problem: OSError) -> TransferError:
    """An error of the system as the end of a transfer."""
    if problem.errno in NO_SPACE:
        return TransferError("no-space", "no space at %s" % shown(path))
    kind = "denied" if problem.errno in (errno.EACCES, errno.EPERM, errno.EROFS) else "error"
    return TransferError(kind, "%s: %s" % (shown(path), words(problem).decode()))


def size_words(size: int) -> str:
    """Bytes for people: 12.4G."""
    amount, unit = float(size), "B"
    for larger in "KMGTPE":
        if amount < 1000:
            break
        amount, unit = amount / 1024, larger
    return "%.1f%s" % (amount, unit)
