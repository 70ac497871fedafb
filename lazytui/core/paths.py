"""The folders and files of lazytui on the manager; private to the user."""

from __future__ import annotations

import os
import stat
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.errors import SettingsError
from lazytui.rendezvous import state_dir

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Paths:
    """Where things are.

    State lives below the machine's id, because a home folder may be shared by many machines,
    and what runs on one of them is nothing to the others.
    """

    config_dir: Path
    state_dir: Path

    @classmethod
    def of_user(cls, environ: Mapping[str, str] | None = None) -> Paths:
        """Give the paths of the user, by ``XDG_CONFIG_HOME`` and ``XDG_STATE_HOME``."""
        environ = os.environ if environ is None else environ
        return cls(config_file(environ).parent, Path(state_dir(environ)))

    @property
    def config_file(self) -> Path:
        """The hand-edited settings."""
        return self.config_dir / "config.toml"

    @property
    def journal(self) -> Path:
        """The SQLite file that remembers groups, tasks and runs."""
        return self.state_dir / "journal.db"

    @property
    def spool_dir(self) -> Path:
        """The folder with the output of each run."""
        return self.state_dir / "spool"

    @property
    def log_file(self) -> Path:
        """What lazytui itself has to say."""
        return self.state_dir / "lazytui.log"

    def create(self) -> None:
        """Make the state folders, each readable by the user only.

        Raises:
            SettingsError: a folder cannot be made, belongs to somebody else, or can be written
                by others, who could then make lazytui run things or lie about what ran.
        """
        for folder in (self.state_dir.parent, self.state_dir, self.spool_dir):
            try:
                folder.parent.mkdir(parents=True, exist_ok=True)
                folder.mkdir(mode=0o700, exist_ok=True)
                found = folder.stat()
            except OSError as error:
                raise SettingsError(
                    f"the state folder {folder} cannot be made: {error.strerror}; "
                    "set XDG_STATE_HOME to a folder of yours"
                ) from error
            _refuse_foreign(folder, found)


def config_file(environ: Mapping[str, str]) -> Path:
    """Give the path of the settings file."""
    return _base("XDG_CONFIG_HOME", environ, ".config", "user_config_path") / "lazytui/config.toml"


def _base(variable: str, environ: Mapping[str, str], linux: str, elsewhere: str) -> Path:
    """Give a base folder: the variable's, if absolute as XDG asks, else the system's."""
    named = environ.get(variable, "")
    if Path(named).is_absolute():
        return Path(named)
    if sys.platform == "linux":  # platformdirs says the same, but takes 13 ms to import
        home = environ.get("HOME", "")
        return (Path(home) if home else Path.home()) / linux
    import platformdirs

    return Path(getattr(platformdirs, elsewhere)())


def _refuse_foreign(folder: Path, found: os.stat_result) -> None:
    if found.st_uid != os.getuid():
        raise SettingsError(
            f"the state folder {folder} belongs to another user (uid {found.st_uid}); "
            "set XDG_STATE_HOME to a folder of yours"
        )
    if stat.S_IMODE(found.st_mode) & (stat.S_IWGRP | stat.S_IWOTH):
        raise SettingsError(
            f"the state folder {folder} can be written by others; run: chmod 700 {folder}"
        )
