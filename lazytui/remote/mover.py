"""The program on a host that takes or gives files: one channel of its own, bytes both ways.

It is started like the agent, for one transfer, and blocks as it likes. When stdin ends early the
manager has gone, and what was written stays under temporary names for the next try, unless that
has been meanwhile.
"""

import posix
import sys

from lazytui.remote import leftover, tree
from lazytui.remote.give import Source, give, read_wants
from lazytui.remote.records import Gathered, Reader, in_pieces, record
from lazytui.remote.names import failure, make_folders, pour
from lazytui.remote.take import Taker
from lazytui.remote.tree import TransferError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, List, Optional

LIST_BYTES = 1 << 30
READ = 1 << 16  # more would be mapped and cleared anew for each read


class Mover:
    """One transfer, as the manager asks for it."""

    def __init__(self) -> None:
        self.reader = Reader(self.taken, 1 << 20)
        self.asked: "List[bytes]" = []
        self.text = Gathered(LIST_BYTES)
        self.taker: "Optional[Taker]" = None
        self.entries: "List[tree.Entry]" = []
        self.path = b""

    def run(self) -> None:
        """Do what is asked, until stdin ends."""
        stdin: "Any" = sys.stdin.buffer
        data = bytes(stdin.peek())
        while data:
            self.reader.feed(data)
            if self.taker is not None:
                self.taker.flush()
            data = posix.read(0, READ)
        if self.taker is not None:
            leftover.tidy(self.taker)

    def taken(self, kind: bytes, index: int, data: bytes) -> None:
        """Take one record of the manager."""
        if self.taker is not None and kind == b"Z":
            self.taker.finish()
            say(record(b"R", self.taker.report()))
            posix._exit(0)
        elif self.taker is not None:
            self.taker.take(kind, index, data)
        elif kind == b"Q":
            self.asked = data.split(b"\0")
            self.begin(self.asked[1], self.asked[2])
        elif kind in (b"L", b"W") and self.text.add(index, data):
            text, self.text = self.text.text(), Gathered(LIST_BYTES)
            if kind == b"L":
                self.take_tree(text)
            else:
                give(Source(self.path, self.entries, read_wants(text, self.entries)), say)
                posix._exit(0)

    def begin(self, path: bytes, folder: bytes) -> None:
        """Find the place; when files are asked for, list them."""
        try:
            if folder:
                make_folders(expand(folder))
            posix.chdir(expand(folder or b"~"))
        except OSError as problem:
            raise failure(folder, problem) from None
        self.path = expand(path)
        if not self.path.startswith(b"/"):  # so that the report names the true place
            below = self.path[2:] if self.path.startswith(b"./") else self.path
            self.path = posix.getcwdb().rstrip(b"/") + b"/" + below
        if self.asked[0] == b"give":
            self.path = self.path.rstrip(b"/") or b"/"
            self.entries = tree.scan(self.path)
            say(in_pieces(b"L", tree.encode(self.entries)))

    def take_tree(self, text: bytes) -> None:
        """Compare a tree with what is here, and ask for the rest."""
        name, checksum = self.asked[3], self.asked[4] == b"1"
        taker = Taker(self.path, name, tree.decode(text), checksum, sync)
        wants = taker.compare()
        self.taker = taker
        say(in_pieces(b"W", wants))


def expand(path: bytes) -> bytes:
    """A path whose begin may be the user's home."""
    if path != b"~" and not path.startswith(b"~/"):
        return path
    home = posix.environ.get(b"HOME")
    if not home:
        import pwd

        home = pwd.getpwuid(posix.geteuid()).pw_dir.encode("utf-8", "surrogateescape")
    return home + path[1:]


def say(data: "Any") -> None:
    """Write to the manager; when it has gone, so do we."""
    try:
        pour(1, data)
    except OSError:
        posix._exit(0)


def sync(path: bytes) -> None:
    """Write a folder's file system to the disk."""
    pid = posix.fork()
    if not pid:
        try:
            null = posix.open("/dev/null", posix.O_RDWR)
            for fd in (0, 1, 2):
                posix.dup2(null, fd)
            for program in (b"/usr/bin/sync", b"/bin/sync"):
                try:
                    posix.execv(program, [b"sync", b"-f", path])
                except OSError:
                    continue
        finally:
            posix._exit(127)
    if posix.waitpid(pid, 0)[1]:
        posix.sync()  # no `sync -f` here: everything, then


def main(marker: bytes) -> None:
    """Serve one transfer."""
    say(marker)
    mover = Mover()
    try:
        mover.run()
    except TransferError as problem:
        refuse(problem.kind, str(problem))
    except OSError as problem:
        refuse("error", problem.strerror or str(problem))
    except (ValueError, IndexError, MemoryError) as problem:
        refuse("nonsense", type(problem).__name__ + ": " + str(problem))


def refuse(kind: str, text: str) -> None:
    """Say why the transfer ends here, and take what is on its way so that it is heard."""
    say(record(b"X", kind.encode() + b"\0" + text.encode("utf-8", "surrogateescape")))
    while posix.read(0, READ):
        pass
