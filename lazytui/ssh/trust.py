"""Which host keys are trusted: known_hosts, looked up by *name*.

asyncssh trusts a key that is known for the address although the name has another one, and one
bad line makes it refuse the whole file (measured with 2.24.1). So the file is read here: lines are
indexed once, a bad line costs only itself, and keys are decoded when a host is looked up.
Meaning as in sshd(8), SSH_KNOWN_HOSTS FILE FORMAT.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import asyncssh

MARKERS = ("@cert-authority", "@revoked")


@dataclass(frozen=True, slots=True)
class KnownLine:
    """One line of a known_hosts file; ``key`` is its key field, not yet decoded."""

    marker: str
    key: str
    path: str
    number: int


@dataclass(frozen=True, slots=True)
class Trust:
    """What known_hosts says of one host.

    Args:
        keys: keys that are accepted.
        authorities: keys that may sign the host's certificate.
        revoked: keys that are never accepted, whatever else is said.
        named: the keys that stand under this very name and port. If there are some, and the host
            shows another, its key has *changed*.
        places: ``file:line`` of those.
    """

    keys: tuple[asyncssh.SSHKey, ...]
    authorities: tuple[asyncssh.SSHKey, ...]
    revoked: tuple[asyncssh.SSHKey, ...]
    named: tuple[asyncssh.SSHKey, ...]
    places: tuple[str, ...]


@dataclass(slots=True)
class _File:
    """One known_hosts file, indexed."""

    path: str
    stamp: tuple[int, int, int] | None = None
    exact: dict[str, list[KnownLine]] = field(default_factory=dict)
    patterns: list[tuple[re.Pattern[str], tuple[re.Pattern[str], ...], KnownLine]] = field(
        default_factory=list
    )
    hashed: list[tuple[bytes, bytes, KnownLine]] = field(default_factory=list)
    revoked: list[KnownLine] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


class KnownHosts:
    """Reads known_hosts files once and again when they change.

    Shared by all connections of an engine.
    """

    def __init__(self) -> None:
        self._files: dict[str, _File] = {}

    def lookup(self, files: Iterable[str], name: str, port: int, *, alias: bool = False) -> Trust:
        """Tell what is trusted for a host.

        Args:
            files: paths of known_hosts files; missing ones are empty, ``none`` is no file.
            name: the host's name (``HostName``), or its ``HostKeyAlias``.
            port: TCP port; ports other than 22 are looked up as ``[name]:port`` first.
            alias: the name is a ``HostKeyAlias``: the port plays no part.
        """
        name = name.lower()
        spelled = name if alias or port == 22 else f"[{name}]:{port}"
        loaded = [self._load(path) for path in files if path.lower() != "none"]
        named_lines = [line for known in loaded for line in _matching(known, spelled)]
        bare_lines = (
            [line for known in loaded for line in _matching(known, name)] if spelled != name else []
        )
        named = _decode(line for line in named_lines if not line.marker)
        # As OpenSSH does, a key known for the bare name is good on a port that has none of its
        # own; another key there does not make it a changed one.
        bare = () if named else _decode(line for line in bare_lines if not line.marker)
        authorities = _decode(
            line for line in named_lines + bare_lines if line.marker == "@cert-authority"
        )
        # A revoked key is refused wherever it turns up, not only where the pattern matches: the
        # marker says that the key itself is no longer a secret.
        revoked = _decode(line for known in loaded for line in known.revoked)
        return Trust(
            keys=named + bare,
            authorities=authorities,
            revoked=revoked,
            named=named,
            places=tuple(f"{line.path}:{line.number}" for line in named_lines if not line.marker),
        )

    def problems(self) -> tuple[str, ...]:
        """Lines that were passed over, as ``path:line: why``."""
        return tuple(text for known in self._files.values() for text in known.problems)

    def _load(self, path: str) -> _File:
        known = self._files.get(path)
        try:
            found = os.stat(path)  # noqa: PTH116 - a stat per connect, on a plain string
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        except OSError:
            stamp = None
        if known is not None and known.stamp == stamp:
            return known
        known = _File(path, stamp)
        if stamp is not None:
            _read(known)
        self._files[path] = known
        return known


def remember(path: Path, name: str, port: int, key: asyncssh.SSHKey) -> None:
    """Append a host key to a known_hosts file, as ssh does after a *yes*.

    Args:
        path: the file; it and its folder are made (0600, 0700) when they are not there.
        name: the host's name or alias.
        port: TCP port.
        key: the key that was accepted.

    Raises:
        OSError: the file could not be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    spelled = name.lower() if port == 22 else f"[{name.lower()}]:{port}"
    public = key.export_public_key("openssh").decode().split()
    line = f"{spelled} {public[0]} {public[1]}\n"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        size = os.fstat(descriptor).st_size
        # A file that was edited by hand may lack its last line end.
        if size and os.pread(descriptor, 1, size - 1) != b"\n":
            line = "\n" + line
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def fingerprint(key: asyncssh.SSHKey) -> str:
    """Give a key as people compare it: ``ED25519 SHA256:...``."""
    kind = key.get_algorithm().removeprefix("ssh-").removeprefix("ecdsa-sha2-").split("@")[0]
    return f"{kind.upper()} {key.get_fingerprint()}"


def _matching(known: _File, spelled: str) -> Iterator[KnownLine]:
    yield from known.exact.get(spelled, ())
    for wanted, unwanted, line in known.patterns:
        if wanted.fullmatch(spelled) and not any(no.fullmatch(spelled) for no in unwanted):
            yield line
    encoded = spelled.encode()
    for salt, digest, line in known.hashed:
        if hmac.digest(salt, encoded, "sha1") == digest:
            yield line


def _decode(lines: Iterable[KnownLine]) -> tuple[asyncssh.SSHKey, ...]:
    """Decode keys; kinds of keys that cannot be used here are passed over, as ssh does."""
    import asyncssh

    keys = []
    for line in lines:
        try:
            keys.append(asyncssh.import_public_key(line.key))
        except ValueError:  # KeyImportError is one, but a point off its curve gives the bare one
            continue
    return tuple(keys)


def _read(known: _File) -> None:
    try:
        text = Path(known.path).read_bytes().decode("utf-8", "replace")
    except OSError as error:
        known.problems.append(f"{known.path}: {error.strerror}")
        return
    for number, raw in enumerate(text.split("\n"), 1):
        words = raw.split()
        if not words or words[0].startswith("#"):
            continue
        problem = _add(known, words, number)
        if problem:
            known.problems.append(f"{known.path}:{number}: {problem}")


def _add(known: _File, words: Sequence[str], number: int) -> str | None:
    marker = ""
    if words[0].startswith("@"):
        marker, words = words[0], words[1:]
        if marker not in MARKERS:
            return f"unknown marker {marker}"
    if len(words) < 3:
        return "not a known_hosts line"
    try:
        base64.b64decode(words[2], validate=True)
    except (binascii.Error, ValueError):
        return "the key is damaged"
    line = KnownLine(marker, f"{words[1]} {words[2]}", known.path, number)
    if marker == "@revoked":
        known.revoked.append(line)
        return None
    if words[0].startswith("|"):
        return _add_hashed(known, words[0], line)
    _add_names(known, words[0], line)
    return None


def _add_hashed(known: _File, field_text: str, line: KnownLine) -> str | None:
    parts = field_text.split("|")
    if len(parts) != 4 or parts[1] != "1":
        return "unknown kind of hashed host name"
    try:
        salt, digest = base64.b64decode(parts[2]), base64.b64decode(parts[3])
    except (binascii.Error, ValueError):
        return "the hashed host name is damaged"
    known.hashed.append((salt, digest, line))
    return None


def _add_names(known: _File, field_text: str, line: KnownLine) -> None:
    names = [name.lower() for name in field_text.split(",") if name]
    unwanted = tuple(_pattern(name[1:]) for name in names if name.startswith("!"))
    for name in names:
        if name.startswith("!"):
            continue
        if unwanted or "*" in name or "?" in name:
            known.patterns.append((_pattern(name), unwanted, line))
        else:
            known.exact.setdefault(name, []).append(line)


def _pattern(text: str) -> re.Pattern[str]:
    """Compile an ssh pattern: only ``*`` and ``?`` are special, brackets are not."""
    return re.compile(re.escape(text).replace(r"\*", ".*").replace(r"\?", "."))
