"""Small changes of an ssh config: a host more, a host less, and every other byte as it was."""

from __future__ import annotations

import difflib
import os
import re
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.errors import UsageError
from lazytui.ssh.config import SSHConfig
from lazytui.ssh.config_syntax import (
    ConfigSyntaxError,
    split_arguments,
    split_keyword,
)

if TYPE_CHECKING:
    from lazytui.ssh.destination import Destination

BACKUPS = 10  # newest ones that are kept, beside the very first
_JUMP = re.compile(r"[^\s\"'#,\\%-][^\s\"'#,\\%]{0,254}(,[^\s\"'#,\\%-][^\s\"'#,\\%]{0,254})*")
_NAME = re.compile(r"[^\s\"'#,*?!\\%=-][^\s\"'#,*?!\\%=]{0,254}")


@dataclass(frozen=True, slots=True)
class Edit:
    """What one file is to be.

    Args:
        path: the file, behind all links.
        before: its bytes; None when it is not there yet.
        after: its bytes to be.
    """

    path: Path
    before: bytes | None
    after: bytes

    def diff(self) -> list[str]:
        """Show the change, as ``diff -u`` does."""
        old, new = (
            (data or b"").decode(errors="replace").splitlines()
            for data in (self.before, self.after)
        )
        name = str(self.path)
        return [
            line.rstrip("\n") for line in difflib.unified_diff(old, new, name, name, lineterm="")
        ]


def adding(
    path: Path,
    name: str,
    to: Destination,
    *,
    id_file: str | None = None,
    jump: str | None = None,
) -> Edit:
    """Give the change that adds a host.

    The new block goes to the end; where a block before it would win (``Host *`` with another
    user, say), to the place before that one.

    Args:
        path: the ssh config.
        name: the new alias.
        to: where it leads.
        id_file: a private key for it.
        jump: hosts on the way, as ProxyJump takes them.

    Raises:
        UsageError: the name cannot be one or is there already, or something in the file would
            lead it elsewhere wherever it stood.
        OSError: a file cannot be read.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be the name of a host")
    if id_file and re.search(r'["\r\n\0]', id_file):
        raise UsageError("a path with quotes or line breaks cannot stand in an ssh config")
    if jump and not _JUMP.fullmatch(jump):
        raise UsageError(f"{jump!r} is no way: bastion, or ana@bastion:2222,gate")
    path = path.expanduser().resolve()
    before = path.read_bytes() if path.exists() else None
    config = SSHConfig.load(path) if before is not None else None
    if config is not None:
        for entry in config.entries:
            if entry.alias == name:
                raise UsageError(f"{name} is there already: {entry.path}:{entry.line}")
    data = before or b""
    block = _block(name, to, id_file, jump, b"\r\n" if b"\r\n" in data else b"\n")
    for after in _places(data, block):
        if _leads_to(path, after, name, to):
            return Edit(path, before, after)
    raise UsageError(f"something in {path} leads {name} elsewhere: `ssh -G {name}` shows where")


def removing(config: SSHConfig, name: str) -> list[Edit]:
    """Give the changes that remove a host, in all files that name it.

    A block of its own goes with all its lines; of a ``Host`` line with others only the name goes.

    Args:
        config: read just now.
        name: the alias.

    Raises:
        UsageError: it is not there, or not named by a ``Host`` line of its own.
        OSError: a file cannot be read.
    """
    if all(entry.alias != name for entry in config.entries):
        raise UsageError(f"{name} is no host of the ssh config")
    edits = []
    for stamp in config.files:
        path = Path(str(stamp[0])).resolve()
        before = path.read_bytes()
        after = _without(before, name)
        if after != before:
            edits.append(Edit(path, before, after))
    if not edits:
        raise UsageError(f"{name} is not named by a plain Host line: remove it by hand")
    return edits


def write(edit: Edit) -> Path | None:
    """Make a change at once or not at all; gives the backup of what was there before.

    Raises:
        UsageError: the file was changed by somebody else meanwhile.
        OSError: it cannot be written.
    """
    path = edit.path
    now = path.read_bytes() if path.exists() else None
    if now != edit.before:
        raise UsageError(f"{path} was changed meanwhile; try again")
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    backup = None
    if edit.before is not None:
        seconds, rest = divmod(time.time_ns(), 10**9)
        stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(seconds))
        backup = path.with_name(f"{path.name}.lazytui-{stamp}-{rest:09d}")
        _replace(backup, edit.before, like=path)
        for old in sorted(path.parent.glob(f"{path.name}.lazytui-*"))[1:-BACKUPS]:
            old.unlink(missing_ok=True)
    _replace(path, edit.after, like=path if edit.before is not None else None)
    return backup


def _replace(path: Path, data: bytes, *, like: Path | None) -> None:
    number, made = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
            file.flush()
            if like is not None:
                stat = like.stat()
                os.fchmod(number, stat.st_mode & 0o777)
                with suppress(PermissionError):
                    os.fchown(number, stat.st_uid, stat.st_gid)
            os.fsync(number)
        Path(made).replace(path)
    except BaseException:
        Path(made).unlink(missing_ok=True)
        raise


def _block(name: str, to: Destination, id_file: str | None, jump: str | None, end: bytes) -> bytes:
    lines = [f"Host {name}", f"    HostName {to.host}"]
    if to.port != 22:
        lines.append(f"    Port {to.port}")
    if to.user:
        lines.append(f"    User {to.user}")
    if id_file:
        quoted = f'"{id_file}"' if re.search(r"[\s#']", id_file) else id_file
        lines.append(f"    IdentityFile {quoted}")
    if jump:
        lines.append(f"    ProxyJump {jump}")
    return end.join(line.encode() for line in lines) + end


def _places(data: bytes, block: bytes) -> list[bytes]:
    """Give the file with the block at its end, then before each block, the last one first."""
    end = b"\r\n" if b"\r\n" in data else b"\n"
    whole = data + (end if data and not data.endswith(b"\n") else b"")
    found = [whole + (end if whole.strip() else b"") + block]
    starts = [part.begin for part in _parts(whole)]
    return found + [whole[:at] + block + end + whole[at:] for at in reversed(starts)]


def _leads_to(path: Path, data: bytes, name: str, to: Destination) -> bool:
    """Read a file that is not written yet, and see where a host of it would be."""
    folder = path.parent if path.parent.is_dir() else Path(tempfile.gettempdir())
    number, made = tempfile.mkstemp(dir=folder, prefix=f".{path.name}.")
    try:
        with os.fdopen(number, "wb") as file:
            file.write(data)
        options = SSHConfig.load(Path(made)).resolve(name)
    finally:
        Path(made).unlink()
    right_user = not to.user or options.user == to.user
    return (options.hostname, options.port) == (to.host, to.port) and right_user


@dataclass(frozen=True, slots=True)
class _Part:
    """A ``Host`` or ``Match`` line with what belongs to it, as places in the file.

    ``begin`` is where the comments right above it begin, ``head`` its line, ``end`` the end of
    its last setting, with the empty lines that follow.
    """

    begin: int
    head: int
    end: int


def _parts(data: bytes) -> list[_Part]:
    parts: list[_Part] = []
    at = 0
    comments: int | None = None
    ended = False  # an empty line or a setting may still follow
    for line in data.splitlines(keepends=True):
        keyword = split_keyword(line.decode(errors="surrogateescape"))
        here, at = at, at + len(line)
        if keyword is None and line.strip():
            comments = here if comments is None else comments
            ended = True
            continue
        if keyword is None:
            comments = None
        elif keyword[0] in ("host", "match"):
            parts.append(_Part(here if comments is None else comments, here, at))
            comments, ended = None, False
        else:
            comments, ended = None, False
        if parts and not ended:
            parts[-1] = replace(parts[-1], end=at)
    return parts


def _without(data: bytes, name: str) -> bytes:
    for part in reversed(_parts(data)):
        line, _, _ = data[part.head : part.end].partition(b"\n")
        keyword, rest = split_keyword(line.decode(errors="surrogateescape")) or ("", "")
        try:
            names = split_arguments(rest) if keyword == "host" else []
        except ConfigSyntaxError:
            continue
        if name not in names:
            continue
        if all(other == name or other.startswith("!") for other in names):
            data = data[: part.head] + data[part.end :]
            continue
        # The word alone, with the blanks before it.
        word = re.compile(rb"[ \t]+\"?" + re.escape(name.encode()) + rb"\"?(?=[ \t\r\n]|$)")
        data = data[: part.head] + word.sub(b"", line, 1) + data[part.head + len(line) :]
    return data
