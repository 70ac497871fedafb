"""Opening the journal's file: rights, schema, network file systems, corruption."""

from __future__ import annotations

import fcntl
import os
import re
import sqlite3
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.errors import JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator

_TASKS_AND_GROUPS = """
CREATE TABLE tasks (
    task_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL,
    created REAL NOT NULL,
    origin TEXT NOT NULL,
    user TEXT NOT NULL,
    steps TEXT NOT NULL
);
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    task_id INTEGER NOT NULL REFERENCES tasks (task_id),
    host TEXT NOT NULL,
    state TEXT NOT NULL,
    exit_status INTEGER,
    reason TEXT NOT NULL,
    created REAL NOT NULL,
    started REAL,
    ended REAL,
    step INTEGER NOT NULL,
    owner TEXT NOT NULL
);
CREATE INDEX runs_of_task ON runs (task_id);
CREATE INDEX open_runs ON runs (state) WHERE state IN ('queued', 'running');
CREATE TABLE steps (
    run_id TEXT NOT NULL REFERENCES runs (run_id),
    step INTEGER NOT NULL,
    job_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    spec TEXT NOT NULL,
    state TEXT NOT NULL,
    exit_status INTEGER,
    spool_start INTEGER NOT NULL,
    PRIMARY KEY (run_id, step)
) WITHOUT ROWID;
CREATE TABLE groups (
    name TEXT PRIMARY KEY,
    where_text TEXT NOT NULL,
    hosts TEXT,
    created REAL NOT NULL
) WITHOUT ROWID;
"""

_AUDIT = """
CREATE TABLE audit (
    audit_id INTEGER PRIMARY KEY AUTOINCREMENT,
    at REAL NOT NULL,
    who TEXT NOT NULL,
    what TEXT NOT NULL,
    subject TEXT NOT NULL,
    hosts TEXT NOT NULL,
    result TEXT NOT NULL,
    task_id INTEGER
);
CREATE INDEX audit_of_task ON audit (task_id) WHERE task_id IS NOT NULL;
"""

_PLACES = """
CREATE TABLE places (
    run_id TEXT PRIMARY KEY REFERENCES runs (run_id),
    working_dir TEXT,
    env TEXT NOT NULL
) WITHOUT ROWID;
"""

_PLACED = "ALTER TABLE runs ADD COLUMN placed TEXT NOT NULL DEFAULT '';"

_EXPOSURES = """
CREATE TABLE exposures (
    exposure_id INTEGER PRIMARY KEY AUTOINCREMENT,
    spec TEXT NOT NULL,
    auto INTEGER NOT NULL,
    created REAL NOT NULL,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    sessions TEXT NOT NULL
);
"""

_STEP_TIMES = """
ALTER TABLE steps ADD COLUMN began REAL;
ALTER TABLE steps ADD COLUMN ended REAL;
"""

_CLUSTERS = """
CREATE TABLE clusters (
    cluster_id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    spec TEXT NOT NULL,
    created REAL NOT NULL,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    reason TEXT NOT NULL,
    parts TEXT NOT NULL
);
"""

# What leads from each version of the schema to the next; a new file takes all of these steps.
# A step that was released never changes.
_STEPS = (_TASKS_AND_GROUPS, _AUDIT, _PLACES, _PLACED, _EXPOSURES, _STEP_TIMES, _CLUSTERS)
SCHEMA_VERSION = len(_STEPS)

# Reading every page takes about 1 ms a megabyte; beyond this a corrupt page is met when used.
_CHECKED_WHOLE_BYTES = 32 * 1024 * 1024

_NETWORK_FILE_SYSTEMS = re.compile(
    r"nfs\d?|cifs|smb\w*|afs|9p|lustre|gpfs|beegfs\w*|ceph|pvfs2|orangefs|"
    r"fuse\.(sshfs|glusterfs|ceph\S*|s3fs|rclone|davfs\S*)|glusterfs|davfs"
)
_CORRUPT = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def is_corrupt(error: sqlite3.Error) -> bool:
    """Whether an error means that the file is damaged (not just locked, full or read-only)."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _CORRUPT


def is_busy(error: sqlite3.Error) -> bool:
    """Whether an error means that another process holds the journal, and waiting may help."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def in_plain_words(path: Path, error: Exception) -> JournalError:
    """Say what an error of SQLite means to the user."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    meaning = {
        sqlite3.SQLITE_FULL: "the disk is full",
        sqlite3.SQLITE_READONLY: "it cannot be written",
        sqlite3.SQLITE_CANTOPEN: "it cannot be opened",
        sqlite3.SQLITE_BUSY: "another program keeps it locked",
        sqlite3.SQLITE_IOERR: "the disk reports an error, or is full",
        sqlite3.SQLITE_CORRUPT: "it is damaged",
        sqlite3.SQLITE_NOTADB: "it is damaged",
    }.get(code, "it cannot be used")
    return JournalError(f"the journal {path}: {meaning} ({error})")


def open_for_writing(
    path: Path, *, patience_s: float, suspect: bool = False
) -> tuple[sqlite3.Connection, list[str]]:
    """Open the journal, made anew if there is none or if it is corrupt.

    Args:
        path: the file; its folder exists.
        patience_s: seconds to wait while another program keeps it locked.
        suspect: whether it showed damage, so that every page is read, however many.

    Returns:
        The connection in autocommit mode, usable from any thread, and what the user should be told.

    Raises:
        JournalError: the schema is newer, or the file cannot be opened or written.
    """
    try:
        with _opening_alone(path):
            return _open_or_replace(path, patience_s, suspect)
    except OSError as error:
        raise JournalError(f"the journal {path} cannot be opened: {error.strerror}") from error
    except sqlite3.Error as error:
        raise in_plain_words(path, error) from error


def open_readonly(path: Path, *, busy_timeout_s: float = 5.0) -> sqlite3.Connection:
    """Open an existing journal for reading.

    Raises:
        JournalError: it is corrupt, newer than this lazytui, or cannot be read.
    """
    address = f"{path.absolute().as_uri()}?mode=ro"
    if not os.access(path.parent, os.W_OK):
        # SQLite wants to write a -shm file even to read; where nobody can write it need not.
        address += "&immutable=1"
    try:
        connection = sqlite3.connect(address, uri=True, timeout=busy_timeout_s)
        _refuse_newer(path, connection)
    except sqlite3.Error as error:
        raise in_plain_words(path, error) from error
    return connection


def same_file(path: Path, opened: os.stat_result | None) -> bool:
    """Whether the path still leads to the file that was opened, not to a newer one or none."""
    if opened is None:
        return False
    try:
        now = path.stat()
    except FileNotFoundError:
        return False
    return (now.st_dev, now.st_ino) == (opened.st_dev, opened.st_ino)


def network_file_system(path: Path, mounts: Path = Path("/proc/mounts")) -> str:
    """Give the type of the network file system a path is on; empty when it is a local one."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""  # no /proc: not Linux, and SQLite copes by itself there
    real = path.resolve()
    best, kind = -1, ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[1]))
        if real.is_relative_to(point) and len(point.parts) >= best:
            best, kind = len(point.parts), fields[2]
    return kind if _NETWORK_FILE_SYSTEMS.fullmatch(kind) else ""


@contextmanager
def _opening_alone(path: Path) -> Iterator[None]:
    """Hold a lock while opening, so that only one process sets a corrupt file aside."""
    lock = os.open(
        path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
    )
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _open_or_replace(
    path: Path, patience_s: float, suspect: bool
) -> tuple[sqlite3.Connection, list[str]]:
    try:
        return _open(path, patience_s, suspect)
    except sqlite3.DatabaseError as error:
        if not is_corrupt(error):
            raise
    aside = _set_aside(path)
    connection, notices = _open(path, patience_s, suspect=False)
    lost = "Tasks and groups in it are gone from the lists; jobs on the hosts go on."
    told = f"The journal was damaged. It was set aside as {aside}, and a new one begun. {lost}"
    return connection, [told, *notices]


def _open(path: Path, patience_s: float, suspect: bool) -> tuple[sqlite3.Connection, list[str]]:
    if not path.exists():
        # SQLite would make it readable for all; its -wal and -shm take over the rights. Never
        # open and close one that exists: that drops the locks of this process's connections.
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    connection = sqlite3.connect(
        path, timeout=patience_s, isolation_level=None, check_same_thread=False
    )
    try:
        version = _refuse_newer(path, connection)
        if suspect or path.stat().st_size <= _CHECKED_WHOLE_BYTES:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            if found != "ok":
                error = sqlite3.DatabaseError(found)
                error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
                raise error
        notices = _choose_mode(path, connection)
        connection.execute("PRAGMA synchronous = NORMAL")
        if version < SCHEMA_VERSION:
            steps = "".join(_STEPS[version:])
            script = f"BEGIN IMMEDIATE;{steps}PRAGMA user_version = {SCHEMA_VERSION};COMMIT;"
            connection.executescript(script)
    except BaseException:
        connection.close()
        raise
    return connection, notices


def _choose_mode(path: Path, connection: sqlite3.Connection) -> list[str]:
    """Use a write-ahead log, but not on a network file system: its locks do not hold there."""
    network = network_file_system(path)
    wanted = "delete" if network else "wal"
    (mode,) = connection.execute(f"PRAGMA journal_mode = {wanted}").fetchone()
    if network:
        return [f"The journal is on a network file system ({network}): it is written more slowly."]
    if mode != wanted:
        return [f"The journal is written more slowly: no write-ahead log here (mode {mode})."]
    return []


def _refuse_newer(path: Path, connection: sqlite3.Connection) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > SCHEMA_VERSION:
        raise JournalError(
            f"the journal {path} was written by a newer lazytui (schema {version}, this one knows "
            f"{SCHEMA_VERSION}): update lazytui, or move the file away"
        )
    return int(version)


def _set_aside(path: Path) -> Path:
    """Rename the file, with what belongs to it, so that nobody loses what can be saved of it."""
    stamp = time.strftime("%Y%m%d-%H%M%S")
    aside = path.with_name(f"{path.name}.corrupt-{stamp}")
    count = 0
    while aside.exists():
        count += 1
        aside = path.with_name(f"{path.name}.corrupt-{stamp}-{count}")
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    return aside
