"""Real OpenSSH servers on loopback: own keys, own config, own homes, nothing of the account.

    farm = SSHFarm(tmp_path / "farm")
    gpu01 = farm.add("gpu01")
    farm.ssh("gpu01", "echo hi").stdout      # the real ssh, as a user would call it
    gpu01.kill_sessions()                    # every live connection dies, mid-output
    farm.close()

Works as root and as an ordinary user. Everything is below the farm's folder, so what a test left
running can be found: its environment or its arguments name that folder.
"""

from __future__ import annotations

import getpass
import os
import random
import re
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tests.evil import TcpPeer, delays, speaks_http
from tests.leftovers import Leftover, kill_processes_naming, processes_naming
from tests.sshd_process import Sshd, SSHHost, missing_sshd, python_dir, write_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tests.evil import OddServer

__all__ = ["SSHFarm", "SSHHost", "missing_sshd"]

ADDRESSES_PER_SSHD = 16  # OpenSSH's MAX_LISTEN_SOCKS

Known = Literal[True, False, "wrong"]


class SSHFarm:
    """Hosts on loopback and the ssh config that names them.

    Args:
        root: a folder of its own, kept short (Unix sockets below it have 100 characters).

    ``config`` and ``known_hosts`` are in ``home/.ssh``, so both ``ssh -F farm.config`` and a
    program started with :meth:`env` see the farm and nothing else.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.home = root / "home"
        self.config = self.home / ".ssh" / "config"
        self.known_hosts = self.home / ".ssh" / "known_hosts"
        self.client_key = self.home / ".ssh" / "id_ed25519"
        self.user = getpass.getuser()
        self.hosts: dict[str, SSHHost] = {}
        self._blocks: list[str] = []
        self._known: list[str] = []
        self._servers: list[Sshd] = []
        self._peers: list[TcpPeer] = []
        # A network of our own in 127/8: farms of parallel test workers do not meet.
        self._network = f"127.{random.randint(2, 254)}"
        self._next_address = 0
        self.port = self._free_port()
        self.home.mkdir(parents=True, mode=0o700)
        self.config.parent.mkdir(mode=0o700)
        write_key(self.client_key)
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)  # sshd's privilege separation wants it
        self._write()

    # --- hosts that answer -------------------------------------------------------------------

    def add(
        self,
        name: str,
        *,
        options: Sequence[str] = (),
        client_options: Sequence[str] = (),
        path: str | None = None,
        shell: str | None = None,
        noise: str | bytes | None = None,
        host_key: Path | None = None,
        known: Known = True,
        home: Path | None = None,
        jump: str | None = None,
        address: str | None = None,
        prefix: Sequence[str] = (),
    ) -> SSHHost:
        """Start a host with an sshd of its own.

        Args:
            name: the alias in the ssh config.
            options: lines for its sshd_config; they win over the farm's own.
            client_options: more lines for its block in the ssh config, e.g. ``HostKeyAlias x``.
            path: the PATH of remote commands (default: this interpreter's folder, then usual).
            shell: a program to stand for the account's login shell, e.g. ``/usr/bin/fish``.
            noise: what the login prints before each command, as a careless rc file does.
            host_key: a private key to share; by default the host gets its own.
            known: whether known_hosts has its key, has none, or has a wrong one.
            home: the HOME of remote commands, to share one; by default the host gets its own.
            jump: the ProxyJump of its block.
            address: where to listen (default: a loopback address of its own).
            prefix: a command that starts sshd elsewhere, e.g. in a network namespace.
        """
        folder = self.root / "hosts" / name
        home = home or folder / "home"
        home.mkdir(parents=True, exist_ok=True)
        host_key = host_key or self._new_key(folder)
        address = address or self._new_address()
        login = self._login_lines(folder, shell, noise)
        config = [
            *options,
            *login,
            *self._server_lines(host_key, [address]),
            f"SetEnv HOME={home} PATH={path or self._remote_path()}",
        ]
        if not login:
            config.append(f"Subsystem sftp internal-sftp -d {home}")
        sshd = self._launch(Sshd(folder, config, prefix=prefix))
        host = SSHHost(name, address, self.port, home, host_key, sshd)
        self._register(host, known, [*client_options, *([f"ProxyJump {jump}"] if jump else [])])
        self._write()
        sshd.wait_ready()
        return host

    def add_many(self, prefix: str, count: int) -> list[SSHHost]:
        """Start ``count`` hosts ``prefix001``... cheaply: one sshd serves up to 16 addresses.

        Each has its own address and HOME; those of one sshd share its host key.
        """
        names = [f"{prefix}{k:03d}" for k in range(1, count + 1)]
        hosts: list[SSHHost] = []
        for first in range(0, count, ADDRESSES_PER_SSHD):
            hosts += self._add_shared(names[first : first + ADDRESSES_PER_SSHD])
        self._write()
        for sshd in {id(host.sshd): host.sshd for host in hosts}.values():
            sshd.wait_ready()
        return hosts

    def _add_shared(self, names: Sequence[str]) -> list[SSHHost]:
        folder = self.root / "hosts" / names[0]
        host_key = self._new_key(folder)
        addresses = [self._new_address() for _ in names]
        config = [
            *self._server_lines(host_key, addresses),
            # One listener stands for 16 machines, each with the default 10:30:100.
            "MaxStartups 160:30:1600",
            "Subsystem sftp internal-sftp",
        ]
        homes = [self.root / "hosts" / name / "home" for name in names]
        for address, home in zip(addresses, homes, strict=True):
            home.mkdir(parents=True)
            config += [
                f"Match LocalAddress {address}",
                f"    SetEnv HOME={home} PATH={self._remote_path()}",
            ]
        sshd = self._launch(Sshd(folder, config, addresses=len(names)))
        hosts = [
            SSHHost(name, address, self.port, home, host_key, sshd)
            for name, address, home in zip(names, addresses, homes, strict=True)
        ]
        for host in hosts:
            self._register(host, True, ())
        return hosts

    # --- hosts that do not -------------------------------------------------------------------

    def add_refused(self, name: str) -> None:
        """An entry whose port nobody listens on."""
        self.add_entry(name, self._new_address(), self.port)

    def add_silent(self, name: str) -> None:
        """An entry whose port takes TCP connections and never sends a byte."""
        self._add_peer(name, TcpPeer(self._new_address(), self.port))

    def add_http(self, name: str) -> None:
        """An entry whose port is a web server."""
        self._add_peer(name, TcpPeer(self._new_address(), self.port, speaks_http))

    def add_slow(self, name: str, delay_s: float) -> SSHHost:
        """A host whose first byte comes ``delay_s`` seconds after the connection."""
        host = self.add(f"{name}-behind", known=False)
        peer = TcpPeer(self._new_address(), self.port, delays(delay_s, (host.address, self.port)))
        self._add_peer(name, peer, public_key=host.public_key)
        return host

    def add_entry(
        self,
        name: str,
        address: str,
        port: int,
        *,
        public_key: str = "",
        client_options: Sequence[str] = (),
    ) -> None:
        """Write a block of the ssh config (and known_hosts, given a key) for any address."""
        self._block(name, address, port, client_options)
        if public_key:
            self._know(f"[{address}]:{port}", public_key)
        self._write()

    def add_odd(self, name: str, server: OddServer) -> None:
        """Write a block for a server of :mod:`tests.evil`."""
        self.add_entry(name, server.address, server.port, public_key=server.public_key)

    def know(self, pattern: str, public_key: str) -> None:
        """Add a line to known_hosts, e.g. for a ``HostKeyAlias`` or another host's address."""
        self._know(pattern, public_key)
        self._write()

    # --- using it ----------------------------------------------------------------------------

    def ssh_argv(self, name: str, *command: str) -> list[str]:
        """The command line of the real ssh to a host: never asks, never trusts a new key."""
        options = ["BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=10"]
        flags = [word for option in options for word in ("-o", option)]
        return ["ssh", "-F", str(self.config), *flags, name, *command]

    def ssh(
        self, name: str, command: str, *, data: bytes = b"", timeout_s: float = 30.0
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a command on a host by the real ssh with ``data`` on its stdin."""
        return subprocess.run(
            self.ssh_argv(name, command),
            input=data,
            capture_output=True,
            timeout=timeout_s,
            check=False,
        )

    def env(self) -> dict[str, str]:
        """The environment for a program under test: this farm's home, and nobody's ssh-agent."""
        keep = {k: v for k in ("LANG", "LC_ALL", "TMPDIR") if (v := os.environ.get(k))}
        return {
            "LANG": "C.UTF-8",
            **keep,
            "HOME": str(self.home),
            "USER": self.user,
            "LOGNAME": self.user,
            "TERM": "xterm-256color",
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_STATE_HOME": str(self.home / ".local" / "state"),
            "XDG_DATA_HOME": str(self.home / ".local" / "share"),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        }

    def leftovers(self) -> list[Leftover]:
        """Processes of this farm that live without one of its connections: jobs, stray agents."""
        mine = {pid for server in self._servers for pid in server.pids()}
        return [p for p in processes_naming(self.root) if p.pid not in mine]

    def close(self) -> list[Leftover]:
        """Stop everything; gives the processes that had to be killed after all sshd were gone."""
        for server in self._servers:
            server.stop()
        for peer in self._peers:
            peer.close()
        self._servers, self._peers = [], []
        return kill_processes_naming(self.root)

    # --- inside ------------------------------------------------------------------------------

    def _launch(self, sshd: Sshd) -> Sshd:
        self._servers.append(sshd)
        sshd.launch()
        return sshd

    def _server_lines(self, host_key: Path, addresses: Iterable[str]) -> list[str]:
        lines = [f"ListenAddress {address}:{self.port}" for address in addresses]
        lines += [
            f"HostKey {host_key}",
            f"AuthorizedKeysFile {self.client_key}.pub",
            "StrictModes no",
            "UsePAM no",
            "PasswordAuthentication no",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin yes",
            "PrintMotd no",
            "PrintLastLog no",
            "LogLevel VERBOSE",
        ]
        if _openssh_version() >= (9, 8):
            lines.append("PerSourcePenalties no")  # one test must not lock the others out
        return lines

    def _login_lines(self, folder: Path, shell: str | None, noise: str | bytes | None) -> list[str]:
        if shell is None and noise is None:
            return []
        folder.mkdir(parents=True, exist_ok=True)
        text = noise.encode() if isinstance(noise, str) else noise or b""
        (folder / "noise").write_bytes(text)
        login = folder / "login"
        login.write_text(
            f"cat {folder / 'noise'}\n"
            f'[ -z "${{SSH_ORIGINAL_COMMAND+x}}" ] && exec {shell or "/bin/sh"}\n'
            f'exec {shell or "/bin/sh"} -c "$SSH_ORIGINAL_COMMAND"\n'
        )
        return [f"ForceCommand exec /bin/sh {login}", f"Subsystem sftp {_sftp_server()}"]

    def _new_key(self, folder: Path) -> Path:
        write_key(folder / "host_key")
        return folder / "host_key"

    def _new_address(self) -> str:
        row, column = divmod(self._next_address, 250)
        self._next_address += 1
        return f"{self._network}.{row}.{column + 1}"

    def _free_port(self) -> int:
        # Below the range of outgoing connections, so that none of them takes it meanwhile.
        while True:
            port = random.randint(20000, 30000)
            with socket.socket() as probe:
                try:
                    probe.bind((f"{self._network}.0.1", port))
                except OSError:
                    continue
                return port

    def _remote_path(self) -> str:
        return f"{python_dir()}:/usr/local/bin:/usr/bin:/bin"

    def _add_peer(self, name: str, peer: TcpPeer, *, public_key: str = "") -> None:
        self._peers.append(peer)
        self.add_entry(name, peer.address, peer.port, public_key=public_key)

    def _register(self, host: SSHHost, known: Known, client_options: Sequence[str]) -> None:
        self.hosts[host.name] = host
        self._block(host.name, host.address, host.port, client_options)
        pattern = f"[{host.address}]:{host.port}" if host.port != 22 else host.address
        if known == "wrong":
            wrong = host.host_key.with_name("wrong_key")
            write_key(wrong)
            self._know(pattern, " ".join(wrong.with_suffix(".pub").read_text().split()[:2]))
        elif known:
            self._know(pattern, host.public_key)

    def _block(self, name: str, address: str, port: int, lines: Sequence[str]) -> None:
        body = [
            *lines,  # the first value wins
            f"HostName {address}",
            f"Port {port}",
            f"User {self.user}",
            f"IdentityFile {self.client_key}",
            "IdentitiesOnly yes",
            f"UserKnownHostsFile {self.known_hosts}",
            "GlobalKnownHostsFile /dev/null",
        ]
        self._blocks.append("\n    ".join([f"Host {name}", *body]) + "\n")

    def _know(self, pattern: str, public_key: str) -> None:
        self._known.append(f"{pattern} {public_key}\n")

    def _write(self) -> None:
        self.config.write_text("\n".join(self._blocks))
        self.known_hosts.write_text("".join(self._known))


def _sftp_server() -> str:
    folders = ("/usr/lib/openssh", "/usr/libexec/openssh", "/usr/lib/ssh", "/usr/libexec")
    return shutil.which("sftp-server", path=os.pathsep.join(folders)) or "internal-sftp"


def _openssh_version() -> tuple[int, int]:
    text = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=True).stderr
    found = re.search(r"OpenSSH_(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)
