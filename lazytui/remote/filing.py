"""What people do to single files: rename, remove, read a piece, write one anew.

Links are never followed where something is removed or replaced. Like listings it happens in a
child of the agent, as a disk may not answer; on the manager the same functions are called.
"""

import errno
import posix

from lazytui.remote import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Tuple

    from lazytui.remote.agent import Agent, Answer

PIECE = 256 * 1024  # the most bytes of a file in one answer
LONG_S = 3600.0  # for the removal of a large folder
MOST_PROBLEMS = 5
MOST_LINKS = 40
FOLDER = 0o040000
FILE = 0o100000
LINK = 0o120000


def rename(path: bytes, to: bytes) -> "Dict[str, Any]":
    """Give something another name, or another place on the same disk; replaces nothing.

    Raises:
        OSError: it cannot be; its ``errno`` is EEXIST where something has that name.
    """
    path, to = listing.absolute(path), listing.absolute(to)
    try:
        posix.lstat(to)
    except OSError as problem:
        if problem.errno != errno.ENOENT:
            raise
    else:
        raise OSError(errno.EEXIST, "something has that name already")
    if path == to or (to + b"/").startswith(path + b"/"):
        raise OSError(errno.EINVAL, "a folder cannot go into itself")
    try:
        posix.rename(path, to)
    except OSError as problem:
        if problem.errno == errno.EXDEV:
            raise OSError(errno.EXDEV, "that is on another disk: copy it there") from None
        raise
    return {}


def remove(paths: "List[bytes]") -> "Dict[str, Any]":
    """Remove files, links, and folders with all in them; goes on after what cannot be.

    Returns:
        How many entries went, and why some did not.
    """
    problems: "List[str]" = []
    count = 0
    for path in paths:
        path = listing.absolute(path)
        above, _, name = path.rpartition(b"/")
        if not name:
            problems.append("/: that is everything")
            continue
        try:
            fd = posix.open(above or b"/", posix.O_RDONLY | posix.O_DIRECTORY)
        except OSError as problem:
            add_problem(problems, path, problem)
            continue
        try:
            count += remove_at(fd, name, path, problems)
        finally:
            posix.close(fd)
    return {"count": count, "problems": problems[:MOST_PROBLEMS], "more": len(problems[5:])}


def remove_at(fd: int, name: bytes, path: bytes, problems: "List[str]") -> int:
    """Remove one entry of an open folder; gives how many entries went, those inside included."""
    count = 0
    try:
        found = posix.stat(name, dir_fd=fd, follow_symlinks=False)
        if found.st_mode & 0o170000 != FOLDER:
            posix.unlink(name, dir_fd=fd)
            return 1
        flags = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW
        inside = posix.open(name, flags, dir_fd=fd)
        try:
            for entry in posix.listdir(inside):
                raw = entry.encode("utf-8", "surrogateescape")
                count += remove_at(inside, raw, path + b"/" + raw, problems)
        finally:
            posix.close(inside)
        posix.rmdir(name, dir_fd=fd)
    except OSError as problem:
        if problem.errno == errno.ENOENT:
            return count  # it went meanwhile
        if not (problem.errno == errno.ENOTEMPTY and problems):  # said already, further inside
            add_problem(problems, path, problem)
        return count
    return count + 1


def add_problem(problems: "List[str]", path: bytes, problem: OSError) -> None:
    """Say what could not be done to a path."""
    words = problem.strerror or str(problem)
    problems.append("%s: %s" % (path.decode("utf-8", "surrogateescape"), words))


def read(path: bytes, offset: int, size: int) -> "Tuple[Dict[str, Any], bytes]":
    """Read a piece of a regular file.

    Returns:
        What it is like (its size in bytes, its change in nanoseconds), and the piece.

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    # What is no file may block on opening, for ever.
    file = posix.open(listing.absolute(path), posix.O_RDONLY | posix.O_NONBLOCK)
    try:
        found = posix.fstat(file)
        if found.st_mode & 0o170000 != FILE:
            raise OSError(errno.EINVAL, "that is no file with contents")
        return stamp(found), posix.pread(file, min(size, PIECE), offset)
    finally:
        posix.close(file)


def stamp(found: "Any") -> "Dict[str, Any]":
    """What tells whether a file is still the same."""
    return {"size": found.st_size, "changed": found.st_mtime_ns, "inode": found.st_ino}


def write(
    path: bytes, word: bytes, offset: int, data: bytes, last: bool, seen: "Dict[str, Any]"
) -> "Dict[str, Any]":
    """Write a piece of a new content beside a file; the last piece takes the file's place.

    Args:
        path: the file; of a link, what it leads to is replaced, the link stays.
        word: of this writing, a part of the temporary name.
        offset: where the piece begins.
        data: the piece.
        last: the content is whole now.
        seen: what the file was like when it was read; empty to replace it in any case.

    Raises:
        OSError: it cannot be written. Nothing is changed then.
    """
    path = led_to(listing.absolute(path))
    above, _, name = path.rpartition(b"/")
    part = above + b"/." + name[:200] + b".lazytui-" + word + b".part"
    flags = posix.O_WRONLY | posix.O_NOFOLLOW
    if offset == 0:
        flags |= posix.O_CREAT | posix.O_EXCL
    file = posix.open(part, flags, 0o600)
    try:
        while data:
            done = posix.pwrite(file, data, offset)
            data, offset = data[done:], offset + done
        if not last:
            return {}
        found = posix.stat(path)
        if seen and stamp(found) != seen:
            posix.unlink(part)
            return {"ok": False, "kind": "changed", "error": "it was changed there meanwhile"}
        keep_rights(file, found)
        posix.fsync(file)
        posix.rename(part, path)
        return stamp(posix.fstat(file))
    except OSError:
        try:
            posix.unlink(part)
        except OSError:
            pass
        raise
    finally:
        posix.close(file)


def keep_rights(file: int, found: "Any") -> None:
    """Give a file the owner and the mode of the one that it replaces, as far as we may."""
    mine = posix.fstat(file)
    if (mine.st_uid, mine.st_gid) != (found.st_uid, found.st_gid):
        try:
            posix.fchown(file, found.st_uid, found.st_gid)
        except OSError:
            pass  # it is ours from now on, as with every editor
    posix.fchmod(file, found.st_mode & 0o777)


def led_to(path: bytes) -> bytes:
    """The path at the end of a chain of links."""
    for _ in range(MOST_LINKS):
        try:
            target = posix.readlink(path)
        except OSError:
            return path
        path = target if target.startswith(b"/") else path.rpartition(b"/")[0] + b"/" + target
    raise OSError(errno.ELOOP, "links that lead to each other")


def raw(text: str) -> bytes:
    """A path as it is on the disk."""
    return text.encode("utf-8", "surrogateescape")


class Filing:
    """The operations of this part."""

    def __init__(self, agent: "Agent") -> None:
        self.agent = agent

    def rename(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """Give something another name."""
        return self.begin(ask, lambda: (rename(raw(ask["path"]), raw(ask["to"])), b""))

    def remove(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """Remove files and folders."""
        return self.begin(ask, lambda: (remove([raw(path) for path in ask["paths"]]), b""), LONG_S)

    def read(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """Give a piece of a file."""
        return self.begin(ask, lambda: read(raw(ask["path"]), ask["offset"], ask["size"]))

    def write(self, ask: "Dict[str, Any]", payload: bytes) -> "Answer":
        """Write a piece of a file."""
        word = ask["word"].encode("ascii")
        if not word.isalnum():
            raise OSError(errno.EINVAL, "not a word")
        path, seen = raw(ask["path"]), ask.get("seen") or {}
        return self.begin(
            ask, lambda: (write(path, word, ask["offset"], payload, ask["last"], seen), b"")
        )

    def begin(
        self,
        ask: "Dict[str, Any]",
        work: "Callable[[], Tuple[Dict[str, Any], bytes]]",
        patience_s: float = listing.PATIENCE_S,
    ) -> "Answer":
        """Do it in a child."""
        listing.in_child(self.agent, ask["id"], patience_s, work)
        return None


def install(agent: "Agent") -> None:
    """Add the operations of this part to the agent."""
    listing.install(agent)
    filing = Filing(agent)
    agent.ops["file_rename"] = filing.rename
    agent.ops["file_remove"] = filing.remove
    agent.ops["file_read"] = filing.read
    agent.ops["file_write"] = filing.write
