"""The folder of a demo: a home for the manager, and one for each pretend host.

ROOT/home/.ssh/{config, known_hosts, id_ed25519}      what the manager sees
ROOT/hosts/gpu01/{home, bin, proc, sys, gpus.csv}     what a pretend host sees
"""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lazytui.demo.props import FILES_HERE, HOME_FILES, NVIDIA_SMI

if TYPE_CHECKING:
    from collections.abc import Iterable

    from lazytui.demo.cast import PretendHost

ADDRESS = "127.0.0.1"
USER = "demo"


@dataclass(frozen=True, slots=True)
class HostFolder:
    """The folder of one pretend host."""

    path: Path

    @property
    def home(self) -> Path:
        """The HOME of its commands, where they start."""
        return self.path / "home"

    @property
    def proc(self) -> Path:
        """What stands for its /proc."""
        return self.path / "proc"

    @property
    def gpu_table(self) -> Path:
        """What its nvidia-smi prints from."""
        return self.path / "gpus.csv"

    @property
    def bin(self) -> Path:
        """The first folder of its PATH."""
        return self.path / "bin"

    def environment(self) -> dict[str, str]:
        """The environment of its commands: nothing of the manager's."""
        return {
            "HOME": str(self.home),
            "USER": USER,
            "LOGNAME": USER,
            "SHELL": "/bin/sh",
            "LANG": "C.UTF-8",
            "PATH": os.pathsep.join([str(self.bin), "/usr/local/bin", "/usr/bin", "/bin"]),
            "LAZYTUI_PROC": str(self.proc),
            "LAZYTUI_SYS": str(self.path / "sys"),  # empty: no limits of the real machine
        }

    def build(self, host: PretendHost) -> None:
        """Make the folder with all that lies in it.

        Raises:
            OSError: it cannot be written.
        """
        for folder in (self.home, self.proc, self.bin, self.path / "sys"):
            folder.mkdir(parents=True)
        for name, text in HOME_FILES.items():
            (self.home / name).write_text(text)
        # The interpreter that runs lazytui is surely there and new enough.
        (self.bin / "python3").symlink_to(Path(sys.executable).resolve())
        # Without a table it fails, so that a GPU of the real machine is not taken for the host's.
        if host.gpus or shutil.which("nvidia-smi"):
            nvidia_smi = self.bin / "nvidia-smi"
            nvidia_smi.write_text(NVIDIA_SMI)
            nvidia_smi.chmod(0o700)


@dataclass(frozen=True, slots=True)
class Entry:
    """One pretend host as the ssh config names it; ``public_key`` is empty if it never answers."""

    name: str
    port: int
    public_key: str


@dataclass(frozen=True, slots=True)
class Stage:
    """The whole folder of a demo."""

    root: Path

    @property
    def home(self) -> Path:
        """The HOME of the manager during the demo."""
        return self.root / "home"

    @property
    def config(self) -> Path:
        """The ssh config that names the pretend hosts."""
        return self.home / ".ssh" / "config"

    @property
    def known_hosts(self) -> Path:
        """The keys of the pretend hosts."""
        return self.home / ".ssh" / "known_hosts"

    @property
    def client_key(self) -> Path:
        """The private key that every pretend host takes."""
        return self.home / ".ssh" / "id_ed25519"

    @property
    def hosts(self) -> Path:
        """Where the folders of the pretend hosts are."""
        return self.root / "hosts"

    def host(self, name: str) -> HostFolder:
        """The folder of one pretend host."""
        return HostFolder(self.hosts / name)

    def furnish(self) -> None:
        """Put into the manager's home what is worth sending and running.

        Raises:
            OSError: it cannot be written.
        """
        for name, text in FILES_HERE.items():
            (self.home / name).write_text(text)

    def write_config(self, entries: Iterable[Entry]) -> None:
        """Write the ssh config and known_hosts.

        Raises:
            OSError: they cannot be written.
        """
        blocks, known = [], []
        for entry in entries:
            lines = [
                f"Host {entry.name}",
                f"HostName {ADDRESS}",
                f"Port {entry.port}",
                f"User {USER}",
                f"IdentityFile {self.client_key}",
                "IdentitiesOnly yes",
                "IdentityAgent none",
                f"UserKnownHostsFile {self.known_hosts}",
                "GlobalKnownHostsFile /dev/null",
            ]
            blocks.append("\n    ".join(lines) + "\n")
            if entry.public_key:
                known.append(f"[{ADDRESS}]:{entry.port} {entry.public_key}\n")
        self.known_hosts.write_text("".join(known))
        self.config.write_text("\n".join(blocks))
