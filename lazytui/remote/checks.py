"""Small questions about a host: which ports are free, which programs are there."""

import socket

from lazytui.remote import system

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Dict

    from lazytui.remote.agent import Agent, Answer


def ports_free(ask: "Dict[str, Any]", payload: bytes) -> "Answer":
    """Those of the ports on which we could listen, on every address."""
    return {"free": [port for port in ask["ports"] if is_free(port)]}


def is_free(port: int) -> bool:
    """Whether a TCP port can be bound, on IPv4 and, if the host has it, on IPv6."""
    for family, address in ((socket.AF_INET, ""), (socket.AF_INET6, "::")):
        try:
            probe = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue  # no IPv6 here
        try:
            # Connections that have just ended must not count: a server would set this, too.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            probe.bind((address, port))
        except OverflowError:
            return False
        except OSError as problem:
            if family == socket.AF_INET or problem.errno not in unsupported():
                return False
        finally:
            probe.close()
    return True


def unsupported() -> "Any":
    """The errors by which a host without IPv6 addresses refuses to bind one."""
    import errno

    return (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


def which(ask: "Dict[str, Any]", payload: bytes) -> "Answer":
    """The paths of those of the programs that are on the PATH."""
    found = {}
    for name in ask["names"]:
        path = system.which(name.encode("utf-8", "surrogateescape"))
        if path is not None:
            found[name] = path.decode("utf-8", "replace")
    return {"found": found}


def install(agent: "Agent") -> None:
    """Add the operations of this part to the agent."""
    agent.ops.update(ports_free=ports_free, which=which)
