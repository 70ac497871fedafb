"""Hosts in network namespaces: each with ports and a network failure of its own.

    with NetnsLab(farm) as lab:
        node = lab.add("node1")        # a real sshd in a namespace of its own
        lab.cut("node1")               # as if the cable were pulled
        lab.heal("node1")

The namespaces hang on one bridge in the namespace of the test. Needs the right to make them (root,
or CAP_NET_ADMIN and CAP_SYS_ADMIN); :func:`missing_netns` tells why not.
"""

from __future__ import annotations

import os
import random
import secrets
import shutil
import subprocess
from functools import cache
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

    from tests.sshd import SSHFarm
    from tests.sshd_process import SSHHost


@cache
def missing_netns() -> str | None:
    """The reason why no network namespaces can be made here, or None (tried once)."""
    if shutil.which("ip") is None:
        return "no ip on this machine (Debian: apt-get install iproute2)"
    token = f"lzt{secrets.token_hex(3)}"
    bridge = ["link", "add", token, "type", "bridge"]
    try:
        _ip("netns", "add", token)
        try:
            _ip("netns", "exec", token, "true")
            _ip(*bridge)
            _ip("link", "del", token)
        finally:
            _ip("netns", "del", token)
    except RuntimeError as error:
        return f"no right to make network namespaces: {error}"
    return None


class NetnsLab:
    """A bridge and, for each host, a namespace on it with a real sshd of the farm."""

    def __init__(self, farm: SSHFarm) -> None:
        self._farm = farm
        self._token = f"lzt{secrets.token_hex(3)}"  # interface names have at most 15 characters
        self._subnet = f"10.{random.randint(64, 250)}.{random.randint(1, 250)}"
        self._hosts: dict[str, tuple[SSHHost, int]] = {}
        self._namespaces: list[str] = []
        self._bridge = False

    def __enter__(self) -> Self:
        try:
            _ip("link", "add", self._token, "type", "bridge")
            self._bridge = True
            _ip("address", "add", f"{self._subnet}.1/24", "dev", self._token)
            _ip("link", "set", self._token, "up")
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def add(self, name: str, **options: Any) -> SSHHost:
        """Start a host in a namespace of its own; ``options`` are those of ``farm.add``.

        A ``prefix`` among them runs inside the namespace.
        """
        number = len(self._namespaces) + 1
        namespace = f"{self._token}-{number}"
        _ip("netns", "add", namespace)
        self._namespaces.append(namespace)
        outside, inside = self._link(number), f"{self._token}n{number}"
        _ip("link", "add", outside, "type", "veth", "peer", "name", inside, "netns", namespace)
        _ip("link", "set", outside, "master", self._token, "up")
        address = f"{self._subnet}.{number + 1}"
        _ip("-n", namespace, "address", "add", f"{address}/24", "dev", inside)
        _ip("-n", namespace, "link", "set", inside, "up")
        _ip("-n", namespace, "link", "set", "lo", "up")
        prefix = [*self.inside(number), *options.pop("prefix", ())]
        host = self._farm.add(name, address=address, prefix=prefix, **options)
        self._hosts[name] = (host, number)
        return host

    def inside(self, number: int) -> list[str]:
        """Give the words in front of a command that shall run in a host's namespace.

        Args:
            number: 1 for the host that was added first.
        """
        return ["ip", "netns", "exec", f"{self._token}-{number}"]

    def cut(self, name: str) -> None:
        """Take the host's link down: packets vanish both ways, nobody is told."""
        self._set_link(name, "down")

    def heal(self, name: str) -> None:
        """Bring the link up again."""
        self._set_link(name, "up")

    def close(self) -> None:
        """Stop the hosts and remove every namespace, link and the bridge."""
        for host, _ in self._hosts.values():
            host.stop()
        for _, number in self._hosts.values():
            _ip("link", "del", self._link(number))  # a job left there would keep it alive
        for namespace in self._namespaces:
            _ip("netns", "del", namespace)
        if self._bridge:
            _ip("link", "del", self._token)
        self._hosts, self._namespaces, self._bridge = {}, [], False

    def _link(self, number: int) -> str:
        return f"{self._token}h{number}"

    def _set_link(self, name: str, state: str) -> None:
        _, number = self._hosts[name]
        # The end on the bridge: the host's own interface loses its carrier, as with a cable.
        _ip("link", "set", self._link(number), state)


def _ip(*args: str) -> None:
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    program = shutil.which("ip", path=path) or "ip"
    done = subprocess.run([program, *args], capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"ip {' '.join(args)}: {done.stderr.strip()}")
