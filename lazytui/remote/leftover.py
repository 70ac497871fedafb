"""What a transfer that was cut leaves behind when another one has brought the same meanwhile.

A host that stood still may have two programs that write the same file: the old one, which has not
heard yet that its transfer was stopped, and the one with which it goes on.
"""

import posix

from lazytui.remote.names import is_same, kind_at, stat_at, unlink_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lazytui.remote.take import Taker


def tidy(taker: "Taker") -> None:
    """Remove what nobody will go on with: its files are there, under their own names."""
    taker.drop()
    for index, part in list(taker.begun.items()) + list(taker.parts.items()):
        entry = taker.entries[index]
        try:
            fd, name = taker.name_of(entry)
            if is_same(stat_at(name, fd), entry):
                unlink_at(part, fd)
        except OSError:
            continue
    if taker.is_folder and taker.fresh and kind_at(taker.target):
        remove_tree(taker.part, taker.parent_fd)


def remove_tree(name: bytes, fd: int) -> None:
    """Remove a folder with all in it, as far as that goes; links are never followed."""
    try:
        flags = posix.O_RDONLY | posix.O_DIRECTORY | posix.O_NOFOLLOW
        inside = posix.open(name, flags, dir_fd=fd)
    except OSError:
        unlink_at(name, fd)
        return
    try:
        for entry in posix.listdir(inside):
            remove_tree(entry.encode("utf-8", "surrogateescape"), inside)
        posix.rmdir(name, dir_fd=fd)
    except OSError:
        return
    finally:
        posix.close(inside)
