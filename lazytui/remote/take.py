"""The taking end of a transfer: writes a tree so that half of it is never seen.

* A new folder is written under a temporary name beside its own, and renamed when all is there.
* Into a folder that exists, files are written beside their places and renamed at the end.
* Everything is synced once, before the renaming.
* The temporary names are the same at the next try, which goes on where this one ended.

Whoever gives is not believed: only listed names are written, each through a descriptor of its
folder that was reached without following a link, and no file grows beyond its listed size.
"""

import errno
import fcntl
import posix
import time

from lazytui.remote.give import NO_CHECK, SMALL, digest
from lazytui.remote.names import (
    NO_SPACE,
    chmod_at,
    failure,
    is_file,
    is_same,
    kind_at,
    make_folders,
    mark,
    part_name,
    pour,
    pour_all,
    size_words,
    stat_at,
    unlink_at,
)
from lazytui.remote.tree import FILE, FOLDER, LINK, SPECIAL, UNREADABLE, TransferError, shown, words

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable, Dict, List, Set, Tuple

    from lazytui.remote.tree import Entry

AT_FOLDER = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW | posix.O_CLOEXEC
TO_WRITE = posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
TRIES = 9
LOOKS, LOOK_AGAIN_S = 40, 0.05  # at what another transfer has that was stopped, and may end soon
PIECES = 512  # that are written with one call; the system takes 1024


class Taker:
    """Takes one tree.

    Args:
        target: where it shall be: in it, as with cp, if it is a folder or ends with a slash; but
            not in a folder of its own name, so that doing it again changes nothing.
        name: what the tree is called where it comes from.
        entries: what it has, as `tree.decode` gives them.
        checksum: read files that look unchanged, to be sure.
        sync: writes everything below a path to the disk.
    """

    def __init__(
        self,
        target: bytes,
        name: bytes,
        entries: "List[Entry]",
        checksum: bool,
        sync: "Callable[[bytes], None]",
    ) -> None:
        self.entries = entries
        self.checksum = checksum
        self.sync = sync
        self.is_folder = entries[0].kind == FOLDER
        self.failed: "List[Tuple[bytes, bytes]]" = []
        self.skipped: "List[Tuple[bytes, bytes]]" = []
        self.broken: "Set[int]" = set()
        self.parts: "Dict[int, bytes]" = {}  # written whole, not yet at their names
        self.begun: "Dict[int, bytes]" = {}  # temporary names with something in them
        self.wanted: "Set[int]" = set()
        self.to_take = 0  # bytes
        self.files = self.bytes = self.unchanged = 0
        self.fd = -1  # of the file that is being written
        self.index = -1
        self.written = 0  # bytes of it that came
        self.held: "List[bytes]" = []  # the last of them, not in the file yet
        self.offered: "Dict[int, int]" = {}
        self.place: "Tuple[bytes, ...]" = ()
        self.place_fd = -1
        self.locks: "List[int]" = []
        self.locate(target, name)

    # --- where

    def locate(self, target: bytes, name: bytes) -> None:
        """Find the folder and the name in it that the tree shall have."""
        there = kind_at(target)
        called = target.rpartition(b"/")[2]
        inside = there == FOLDER and not (self.is_folder and called == name)
        if inside or target.endswith(b"/"):
            target = target.rstrip(b"/") + b"/" + name
            there = kind_at(target)
        self.target = target
        if there and there != self.entries[0].kind:
            has = {FILE: "is a file", FOLDER: "is a folder"}.get(there, "is no file or folder")
            raise TransferError("in-the-way", "%s %s" % (shown(target), has))
        parent, _, self.name = target.rpartition(b"/")
        if self.name in (b"", b".", b".."):
            raise TransferError("error", "%s is not a name" % shown(target))
        self.parent = parent or (b"/" if target.startswith(b"/") else b".")
        try:
            make_folders(self.parent)
            self.parent_fd = posix.open(self.parent, posix.O_RDONLY | posix.O_DIRECTORY)
            self.fresh = self.is_folder and not there
            self.open_root()
        except OSError as problem:
            raise failure(self.target, problem) from None

    def open_root(self) -> None:
        """Open the folder in which the tree, or its only file, is written."""
        self.part = b""
        if not self.is_folder:
            self.root_fd = self.parent_fd
            return
        if not self.fresh:
            self.root_fd = posix.open(self.target, posix.O_RDONLY | posix.O_DIRECTORY)
            return
        for number in [0] * LOOKS + list(range(1, TRIES)):
            self.part = part_name(self.name, mark(self.target) + b"%d" % number)
            try:
                posix.mkdir(self.part, 0o700, dir_fd=self.parent_fd)
                self.left_over = False
            except FileExistsError:
                self.left_over = True
            try:
                self.root_fd = posix.open(self.part, AT_FOLDER, dir_fd=self.parent_fd)
            except FileNotFoundError:
                continue  # it was put into place, or taken away, just now
            if self.lock(self.root_fd, self.part, self.parent_fd):
                return
            posix.close(self.root_fd)
            time.sleep(0 if number else LOOK_AGAIN_S)
        raise TransferError("busy", "%s is being written by others" % shown(self.target))

    def lock(self, fd: int, name: bytes, place_fd: int) -> bool:
        """Take something for ourselves; False when another transfer has it, or had and moved it."""
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:
            pass  # this file system has no locks
        there = stat_at(name, place_fd)
        if there is None or there.st_ino != posix.fstat(fd).st_ino:
            return False
        self.locks.append(fd)
        return True

    def folder(self, path: bytes) -> "Tuple[int, bytes]":
        """Give the descriptor of the folder that a path is in, and its name there."""
        above, _, name = path.rpartition(b"/")
        place = tuple(above.split(b"/")) if above else ()
        if place != self.place or self.place_fd < 0:
            self.leave_place()
            fd = self.root_fd
            for step in place:
                try:
                    below = posix.open(step, AT_FOLDER, dir_fd=fd)
                finally:
                    if fd != self.root_fd:
                        posix.close(fd)
                fd = below
            self.place, self.place_fd = place, fd
        return self.place_fd, name

    def leave_place(self) -> None:
        """Close the folder that was written into last."""
        if self.place_fd not in (-1, self.root_fd):
            posix.close(self.place_fd)
        self.place_fd = -1

    def name_of(self, entry: "Entry") -> "Tuple[int, bytes]":
        """The folder and name of an entry; the only file has the name that was asked for."""
        return self.folder(entry.path) if entry.path else (self.root_fd, self.name)

    def temporary(self, entry: "Entry", name: bytes) -> bytes:
        """The name under which a file is written: the same as long as it does not change."""
        return part_name(name, mark(b"%d %d %s" % (entry.size, entry.mtime, name)))

    # --- what is wanted

    def compare(self) -> bytes:
        """Make the folders, look at what is there, and say which files are wanted.

        Raises:
            TransferError: there is no room for them, or nothing can be written here.
        """
        lines: "List[bytes]" = []
        empty = self.fresh and not self.left_over
        for index, entry in enumerate(self.entries):
            if entry.kind == SPECIAL:
                self.skipped.append((entry.path, entry.target))
            elif entry.kind == UNREADABLE:
                self.failed.append((entry.path, entry.target))
            elif entry.kind == FOLDER:
                if entry.path and not self.under_broken(entry):
                    self.attempt(index, self.make_folder)
            elif entry.kind == FILE and not self.under_broken(entry):
                if empty:
                    self.want(lines, index, 0, NO_CHECK)
                else:
                    self.attempt(index, lambda i: self.look(lines, i))
        self.check_room()
        return b"\n".join(lines)

    def under_broken(self, entry: "Entry") -> bool:
        """Whether the folder of an entry could not be made; then it fails, too."""
        if not self.broken_folders:
            return False
        path = entry.path
        while path:
            path = path.rpartition(b"/")[0]
            if path in self.broken_folders:
                return True
        return False

    broken_folders: "Tuple[bytes, ...]" = ()

    def attempt(self, index: int, act: "Callable[[int], None]") -> None:
        """Do something about one entry; what fails is noted, and the others go on."""
        entry = self.entries[index]
        try:
            act(index)
        except OSError as problem:
            if problem.errno in NO_SPACE:
                raise failure(self.shown_path(entry), problem) from None
            reason = words(problem)
            if problem.errno in (errno.ELOOP, errno.ENOTDIR, errno.EMLINK):
                reason = b"a link or file is in the way of a folder"
            self.fail(index, reason)
            if entry.kind == FOLDER:
                self.broken_folders += (entry.path,)

    def fail(self, index: int, reason: bytes) -> None:
        """Note that one entry could not be written."""
        if index not in self.broken:
            self.broken.add(index)
            self.failed.append((self.entries[index].path or self.name, reason))

    def shown_path(self, entry: "Entry") -> bytes:
        """The path of an entry for messages."""
        return self.target + b"/" + entry.path if entry.path else self.target

    def make_folder(self, index: int) -> None:
        """Make a folder of the tree, writable for now; one that is there is kept."""
        fd, name = self.name_of(self.entries[index])
        try:
            posix.mkdir(name, 0o700, dir_fd=fd)
        except FileExistsError:
            posix.close(posix.open(name, AT_FOLDER, dir_fd=fd))

    def look(self, lines: "List[bytes]", index: int) -> None:
        """Compare one file with what is at its place, or was left by an earlier try."""
        entry = self.entries[index]
        fd, name = self.name_of(entry)
        found = stat_at(name, fd)
        if found is not None and found.st_mode & 0o170000 == 0o040000:
            raise IsADirectoryError(errno.EISDIR, "a folder is in the way")
        if is_same(found, entry):
            if self.checksum and entry.size:
                self.want(lines, index, entry.size, self.digest_at(name, fd, entry.size))
                return
            self.keep(entry, name, fd, found)
            return
        part = self.temporary(entry, name)
        left = stat_at(part, fd)
        if is_same(left, entry) and not self.checksum:
            self.parts[index] = part
        elif is_file(left) and SMALL < left.st_size <= entry.size and self.is_ours(part, fd):
            left = stat_at(part, fd) or left
            self.begun[index] = part
            self.want(lines, index, left.st_size, self.digest_at(part, fd, left.st_size))
        else:
            self.want(lines, index, 0, NO_CHECK)

    def is_ours(self, part: bytes, fd: int) -> bool:
        """Whether nobody else writes what an earlier try left; one that ends is waited for."""
        for _ in range(LOOKS):
            try:
                file = posix.open(part, TO_WRITE & ~posix.O_CREAT, dir_fd=fd)
            except FileNotFoundError:
                return False  # it was put into place just now
            ours = self.lock(file, part, fd)
            self.let_go(file)
            if ours:
                return True
            time.sleep(LOOK_AGAIN_S)
        return False

    def keep(self, entry: "Entry", name: bytes, fd: int, found: "Any") -> None:
        """Leave a file as it is, but for its mode."""
        self.unchanged += 1
        if found.st_mode & 0o777 != entry.mode:
            chmod_at(name, entry.mode, fd)

    def digest_at(self, name: bytes, fd: int, size: int) -> bytes:
        """The checksum of the begin of a file here."""
        file = posix.open(name, posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK, dir_fd=fd)
        try:
            return digest(file, size) or NO_CHECK
        finally:
            posix.close(file)

    def want(self, lines: "List[bytes]", index: int, offset: int, check: bytes) -> None:
        """Ask for one file from an offset on."""
        if check == NO_CHECK:
            offset = 0
        lines.append(b"%d %d %s" % (index, offset, check))
        self.wanted.add(index)
        self.offered[index] = offset
        self.to_take += self.entries[index].size - (offset if index in self.begun else 0)

    def check_room(self) -> None:
        """Refuse before the first byte what cannot fit."""
        try:
            disk = posix.fstatvfs(self.parent_fd)
        except OSError:
            return
        free = disk.f_bavail * disk.f_frsize
        same = self.unchanged_bytes()
        if disk.f_blocks and self.to_take - same > free:
            text = "no space at %s: %s more are needed, %s are free"
            sizes = (size_words(self.to_take - same), size_words(free))
            raise TransferError("no-space", text % ((shown(self.target),) + sizes))

    def unchanged_bytes(self) -> int:
        """Bytes that are only wanted to be compared."""
        if not self.checksum:
            return 0
        checks = (i for i in self.offered if self.offered[i] and i not in self.begun)
        return sum(self.entries[i].size for i in checks)

    # --- what comes

    def take(self, kind: bytes, index: int, data: bytes) -> None:
        """Take one record of the giver.

        Raises:
            TransferError: it is not what was asked for, or the disk is full.
        """
        if kind == b"D":
            self.write(index, data)
            return
        if not 0 <= index < len(self.entries) or index not in self.wanted:
            raise TransferError("nonsense", "a file came that was not asked for")
        if kind == b"F":
            self.drop()
            self.fail(index, data[:200])
        elif index in self.broken:
            return
        elif kind == b"H":
            self.attempt(index, lambda i: self.whole(i, data))
        elif kind == b"S":
            self.attempt(index, lambda i: self.begin(i, int(data)))
        elif kind == b"E":
            self.attempt(index, self.end)
        elif kind == b"=":
            self.attempt(index, self.confirm)
        else:
            raise TransferError("nonsense", "a record of kind %r came" % kind)

    def whole(self, index: int, data: bytes) -> None:
        """Write a small file."""
        entry = self.entries[index]
        if len(data) != entry.size:
            raise TransferError("nonsense", "%s is not as long as listed" % shown(entry.path))
        fd, name = self.name_of(entry)
        part = name if self.fresh else self.temporary(entry, name)
        file = posix.open(part, TO_WRITE | posix.O_TRUNC, 0o600, dir_fd=fd)
        try:
            self.begun[index] = part
            pour(file, data)
            self.seal(file, entry)
        finally:
            posix.close(file)
        self.bytes += len(data)
        self.written_whole(index, part)

    def seal(self, file: int, entry: "Entry") -> None:
        """Give a written file its mode and its time."""
        posix.fchmod(file, entry.mode)
        posix.utime(file, ns=(entry.mtime, entry.mtime))

    def written_whole(self, index: int, part: bytes) -> None:
        """Note a file that is complete under its temporary name."""
        self.files += 1
        self.wanted.discard(index)
        self.begun.pop(index, None)
        if not self.fresh:
            self.parts[index] = part

    def begin(self, index: int, offset: int) -> None:
        """Open a big file to be written from an offset on."""
        self.drop()
        entry = self.entries[index]
        if offset not in (0, self.offered.get(index)):
            raise TransferError("nonsense", "%s comes from a wrong place" % shown(entry.path))
        fd, name = self.name_of(entry)
        part = self.begun.get(index) or self.temporary(entry, name)
        # The first name is the one under which a try goes on: who has it may be about to end.
        names = [part] * LOOKS
        if not offset:
            names += [self.temporary(entry, name) + b"%d" % number for number in range(TRIES)]
        for part in names:
            file = posix.open(part, TO_WRITE, 0o600, dir_fd=fd)
            if self.lock(file, part, fd) and posix.fstat(file).st_size >= offset:
                break
            self.let_go(file)
            time.sleep(LOOK_AGAIN_S if part is names[0] else 0)
        else:
            raise TransferError("busy", "%s is being written by others" % shown(entry.path))
        self.fd, self.index, self.written = file, index, offset
        self.begun[index] = part
        posix.ftruncate(file, offset)
        posix.lseek(file, offset, 0)

    def write(self, index: int, data: bytes) -> None:
        """Write bytes of the file that was begun."""
        if index != self.index:
            if index in self.broken:
                return
            raise TransferError("nonsense", "bytes of a file came that was not begun")
        entry = self.entries[index]
        if self.written + len(data) > entry.size:
            raise TransferError("nonsense", "%s is longer than listed" % shown(entry.path))
        self.held.append(data)
        self.written += len(data)
        if len(self.held) >= PIECES:
            self.flush()

    def flush(self) -> None:
        """Write what came of the file that was begun; to be called when no more is at hand.

        Raises:
            TransferError: the disk is full.
        """
        pieces, self.held = self.held, []
        if not pieces:
            return
        try:
            pour_all(self.fd, pieces)
        except OSError as problem:
            index, part = self.index, self.begun[self.index]
            self.drop()
            entry = self.entries[index]
            if problem.errno in NO_SPACE:
                unlink_at(part, self.name_of(entry)[0])
                raise failure(self.shown_path(entry), problem) from None
            self.fail(index, words(problem))
            return
        self.bytes += sum(map(len, pieces))

    def end(self, index: int) -> None:
        """Close a big file whose last byte has come."""
        self.flush()
        if index in self.broken:
            return
        entry = self.entries[index]
        if index != self.index or self.written != entry.size:
            raise TransferError("nonsense", "%s is shorter than listed" % shown(entry.path))
        self.seal(self.fd, entry)
        part = self.begun[index]
        if not self.is_folder:
            posix.fsync(self.fd)
        self.drop()
        if self.fresh:
            fd, name = self.name_of(entry)
            posix.rename(part, name, src_dir_fd=fd, dst_dir_fd=fd)
        self.written_whole(index, part)

    def confirm(self, index: int) -> None:
        """The file here, or what was left of an earlier try, is the same as the giver's."""
        entry = self.entries[index]
        fd, name = self.name_of(entry)
        if self.offered.get(index) != entry.size:
            raise TransferError("nonsense", "%s is not here" % shown(entry.path))
        part = self.begun.get(index)
        if part is None:
            self.wanted.discard(index)
            self.keep(entry, name, fd, posix.stat(name, dir_fd=fd, follow_symlinks=False))
            return
        file = posix.open(part, TO_WRITE & ~posix.O_CREAT, dir_fd=fd)
        try:
            self.seal(file, entry)
        finally:
            posix.close(file)
        if self.fresh:
            posix.rename(part, name, src_dir_fd=fd, dst_dir_fd=fd)
        self.written_whole(index, part)

    def drop(self) -> None:
        """Close the file that is being written; what is there of it stays for the next try."""
        self.held = []
        if self.fd >= 0:
            self.let_go(self.fd)
        self.fd = self.index = -1

    def let_go(self, file: int) -> None:
        """Close a file that may be locked."""
        if file in self.locks:
            self.locks.remove(file)
        posix.close(file)

    # --- the end

    def finish(self) -> None:
        """Sync, and put everything under its own name.

        Raises:
            TransferError: files are missing, or the disk is full.
        """
        missing = self.wanted - self.broken
        if missing:
            raise TransferError("nonsense", "%d files did not come" % len(missing))
        try:
            if self.is_folder:
                self.sync(self.parent + b"/" + self.part if self.fresh else self.target)
            for index in sorted(self.parts):
                self.attempt(index, self.into_place)
            for index, entry in enumerate(self.entries):
                if entry.kind == LINK and not self.under_broken(entry):
                    self.attempt(index, self.make_link)
            self.finish_folders()
            if self.fresh:
                part = self.part
                posix.rename(part, self.name, src_dir_fd=self.parent_fd, dst_dir_fd=self.parent_fd)
            if not self.is_folder or self.fresh:
                posix.fsync(self.parent_fd)
        except OSError as problem:
            raise failure(self.target, problem) from None
        self.close()

    def into_place(self, index: int) -> None:
        """Rename a file that was written beside its place."""
        fd, name = self.name_of(self.entries[index])
        posix.rename(self.parts[index], name, src_dir_fd=fd, dst_dir_fd=fd)

    def make_link(self, index: int) -> None:
        """Make a link, in place of whatever file or link is there."""
        entry = self.entries[index]
        fd, name = self.name_of(entry)
        found = stat_at(name, fd)
        if found is not None and found.st_mode & 0o170000 == 0o120000:
            if posix.readlink(name, dir_fd=fd) == entry.target:
                self.unchanged += 1
                return
        if found is not None and found.st_mode & 0o170000 == 0o040000:
            raise IsADirectoryError(errno.EISDIR, "a folder is in the way")
        part = part_name(name, b"link")
        unlink_at(part, fd)
        posix.symlink(entry.target, part, dir_fd=fd)
        posix.utime(part, ns=(entry.mtime, entry.mtime), dir_fd=fd, follow_symlinks=False)
        posix.rename(part, name, src_dir_fd=fd, dst_dir_fd=fd)
        self.files += 1

    def finish_folders(self) -> None:
        """Give folders their modes and times, the innermost first."""
        for index in range(len(self.entries) - 1, -1, -1):
            entry = self.entries[index]
            if entry.kind != FOLDER or index in self.broken or self.under_broken(entry):
                continue
            self.attempt(index, self.finish_folder)

    def finish_folder(self, index: int) -> None:
        """Give one folder its mode and time."""
        entry = self.entries[index]
        if not entry.path:
            self.seal(self.root_fd, entry)
            return
        fd, name = self.name_of(entry)
        folder = posix.open(name, AT_FOLDER, dir_fd=fd)
        try:
            self.seal(folder, entry)
        finally:
            posix.close(folder)

    def close(self) -> None:
        """Let go of everything; what is not finished stays for the next try."""
        self.drop()
        self.leave_place()
        for fd in {self.root_fd, self.parent_fd}:
            if fd >= 0:
                posix.close(fd)
        self.root_fd = self.parent_fd = -1

    def report(self) -> bytes:
        """What came of it: numbers, then pairs of path and reason for skipped and failed ones."""
        first = b"%d %d %d %d" % (self.files, self.bytes, self.unchanged, len(self.skipped))
        pairs = self.skipped + self.failed
        return b"\0".join([first, self.target] + [text for pair in pairs for text in pair])
