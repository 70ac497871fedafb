"""One real sshd process and the hosts it stands for; the farm in :mod:`tests.sshd` makes them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import asyncssh
import psutil

from tests.leftovers import kill

if TYPE_CHECKING:
    from collections.abc import Sequence

SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
START_TIMEOUT_S = 30.0


def missing_sshd() -> str | None:
    """The reason why no sshd can be started here, or None."""
    for program in ("sshd", "ssh"):
        if shutil.which(program, path=SBIN) is None:
            return f"no {program} on this machine (Debian: apt-get install openssh-server)"
    return None


def python_dir() -> str:
    """The folder whose ``python3`` is the interpreter that runs the tests."""
    for folder in (Path(sys.executable).resolve().parent, Path(sys.executable).parent):
        if (folder / "python3").exists():
            return str(folder)
    raise RuntimeError(f"no python3 beside {sys.executable}")


@dataclass(eq=False)
class Sshd:
    """One sshd process with its own folder: config, pid file, log. May be started again."""

    folder: Path
    config: Sequence[str]
    addresses: int = 1  # on how many it listens
    prefix: Sequence[str] = ()  # e.g. ip netns exec NAME
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        """The log file, appended to by every start."""
        return self.folder / "sshd.log"

    @property
    def _pid_file(self) -> Path:
        return self.folder / "sshd.pid"

    def launch(self) -> None:
        """Start the process; :meth:`wait_ready` tells when it listens."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self._pid_file.unlink(missing_ok=True)
        config = self.folder / "sshd_config"
        config.write_text("\n".join([f"PidFile {self._pid_file}", *self.config]) + "\n")
        program = shutil.which("sshd", path=SBIN)
        assert program is not None
        self.process = subprocess.Popen(
            [*self.prefix, program, "-D", "-E", str(self.log), "-f", str(config)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def wait_ready(self) -> None:
        """Wait until it listens: sshd writes its pid file right after it has bound its ports."""
        assert self.process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while not (self._pid_file.exists() and self._pid_file.read_text().strip()):
            if self.process.poll() is not None or time.monotonic() > deadline:
                log = self.log.read_text() if self.log.exists() else "no log"
                raise RuntimeError(f"sshd did not come up: {log[-2000:]}")
            time.sleep(0.005)

    def sessions(self) -> list[psutil.Process]:
        """The sshd processes of live connections (not the commands that they run)."""
        if self.process is None:
            return []
        try:
            children = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        return [child for child in children if _is_sshd(child)]

    def pids(self) -> set[int]:
        """Every process of this sshd: listener, sessions, and the commands that run on them."""
        if self.process is None:
            return set()
        try:
            root = psutil.Process(self.process.pid)
            return {root.pid, *(child.pid for child in root.children(recursive=True))}
        except psutil.NoSuchProcess:
            return set()

    def stop(self) -> None:
        """Stop listening and end every connection; the commands on them see end of file."""
        if self.process is None:
            return
        sessions = {session.pid for session in self.sessions()}
        self.process.terminate()
        self.process.send_signal(signal.SIGCONT)  # a paused one takes the signal only then
        deadline = time.monotonic() + 10
        while self.process.poll() is None:
            # On a busy machine it accepts some more until it hears of its end.
            sessions |= {session.pid for session in self.sessions()}
            if time.monotonic() > deadline:
                self.process.kill()
            time.sleep(0.005)
        kill(sessions)
        self.process = None


def _is_sshd(process: psutil.Process) -> bool:
    try:
        return process.name().startswith("sshd")
    except psutil.NoSuchProcess:
        return False


@dataclass(eq=False)
class SSHHost:
    """A host of the farm: one address of one real sshd.

    ``home`` is the HOME that remote commands see; ``log`` is sshd's own (LogLevel VERBOSE).
    """

    name: str
    address: str
    port: int
    home: Path
    host_key: Path
    sshd: Sshd
    client_lines: list[str] = field(default_factory=list)

    @property
    def log(self) -> Path:
        """The log file of the sshd."""
        return self.sshd.log

    @property
    def public_key(self) -> str:
        """The host key as known_hosts writes it: type and base64."""
        return " ".join(self.host_key.with_suffix(".pub").read_text().split()[:2])

    def session_pids(self) -> list[int]:
        """The pids of the sshd processes of the live connections to this host."""
        return [p.pid for p in self.sshd.sessions() if self._serves_me(p)]

    def connections(self) -> int:
        """How many connections were ever accepted on this address, by sshd's log."""
        lines = re.findall(rf"Connection from \S+ port \d+ on {self.address} ", self._log_text())
        return len(lines)

    def kill_sessions(self) -> list[int]:
        """SIGKILL the sshd of every live connection, whatever it is doing; gives the pids."""
        pids = self.session_pids()
        kill(pids)
        return pids

    def pause(self) -> None:
        """SIGSTOP the listener and its sessions: TCP lives, no byte comes (a black hole)."""
        for pid in self._all_pids():
            os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """SIGCONT what :meth:`pause` stopped."""
        for pid in self._all_pids():
            os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        """Close the port and all connections: from now on connecting is refused."""
        self.sshd.stop()

    def start(self) -> None:
        """Listen again on the same address and port."""
        self.sshd.launch()
        self.sshd.wait_ready()

    def restart(self) -> None:
        """Stop, then start."""
        self.stop()
        self.start()

    def rotate_host_key(self) -> None:
        """Give the host another key, which no known_hosts knows, and restart it."""
        write_key(self.host_key)
        self.restart()

    def _all_pids(self) -> list[int]:
        assert self.sshd.process is not None
        return [self.sshd.process.pid, *self.session_pids()]

    def _serves_me(self, process: psutil.Process) -> bool:
        if self.sshd.addresses == 1:
            return True
        try:
            connections = process.net_connections("tcp")
        except psutil.NoSuchProcess:
            return False
        return any(c.laddr and c.laddr.ip == self.address for c in connections)

    def _log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""


def write_key(path: Path, algorithm: str = "ssh-ed25519") -> None:
    """Write a new key pair: ``path`` (mode 0600) and ``path.pub``."""
    key = asyncssh.generate_private_key(algorithm, comment="lazytui-test")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    key.write_private_key(path)
    key.write_public_key(path.with_suffix(".pub"))


def encrypt(path: Path, *options: str) -> None:
    """Put the passphrase ``secret`` on a private key."""
    setting = ["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret", "-f", str(path), *options]
    subprocess.run(setting, check=True, capture_output=True)
