"""What the ssh config says about one host, ready to connect with."""

from __future__ import annotations

import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lazytui.ssh.config_expand import expand_path, expand_tokens, host_tokens
from lazytui.ssh.config_keywords import Command, Jump

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULT_PORT = 22
USER_KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
GLOBAL_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")

_ADDRESS = re.compile(r"\d[0-9a-fA-Fx.]*|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(%\w+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class HostOptions:
    """The resolved settings of one host; names and meaning are those of ssh_config(5).

    Args:
        alias: the name that was asked for.
        hostname: where to connect: a name in lower case, or an address.
        port: the port there.
        user: who logs in.
        user_given: the config names the user (otherwise it is the local one).
        identity_files: key files that the config names, expanded; empty when it names none
            (then ssh tries its default files); ``("none",)`` when it forbids all.
        certificate_files: expanded; may be ``("none",)``, too.
        identities_only: offer no other keys of the agent.
        identity_agent: ``none``, the path of a socket, or None for ``SSH_AUTH_SOCK``.
        proxy_jump: the hops in the order in which they are passed, as ``user@host:port`` with
            user and port where given and brackets around an IPv6 address.
        proxy_command: the command for the shell, tokens expanded.
        host_key_alias: the name to look for in known_hosts, in lower case.
        user_known_hosts_files: expanded; empty for ``none``.
        global_known_hosts_files: the machine's; empty for ``none``.
        strict_host_key_checking: ``yes``, ``no``, ``ask`` or ``accept-new``.
        connect_timeout: in seconds; None when not set.
        server_alive_interval: in seconds; 0 is off; None when not set.
        server_alive_count_max: None when not set.
        kex_algorithms: as written, maybe with ``+``, ``-`` or ``^`` in front; also the next three.
        preferred_authentications: in order; empty when not set.
        address_family: ``any``, ``inet`` or ``inet6``.
        send_env: names and patterns of variables.
        set_env: pairs of name and value.
    """

    alias: str
    hostname: str
    port: int
    user: str
    user_given: bool
    identity_files: tuple[str, ...]
    certificate_files: tuple[str, ...]
    identities_only: bool
    identity_agent: str | None
    proxy_jump: tuple[str, ...]
    proxy_command: str | None
    host_key_alias: str | None
    user_known_hosts_files: tuple[str, ...]
    global_known_hosts_files: tuple[str, ...]
    strict_host_key_checking: str
    check_host_ip: bool
    connect_timeout: float | None
    server_alive_interval: float | None
    server_alive_count_max: int | None
    forward_agent: bool
    kex_algorithms: str | None
    ciphers: str | None
    macs: str | None
    host_key_algorithms: str | None
    preferred_authentications: tuple[str, ...]
    password_authentication: bool
    pubkey_authentication: bool
    kbd_interactive_authentication: bool
    batch_mode: bool
    compression: bool
    address_family: str
    bind_address: str | None
    send_env: tuple[str, ...]
    set_env: tuple[tuple[str, str], ...]


def build_options(
    alias: str,
    hostname: str,
    values: Mapping[str, Any],
    *,
    local_user: str,
    home: str,
    environment: Mapping[str, str],
) -> HostOptions:
    """Fill in the defaults and expand what stands for something else.

    Args:
        alias: what the user typed.
        hostname: the final host name.
        values: the parsed values by keyword.
        local_user: who runs lazytui.
        home: that user's home folder.
        environment: the variables that values may name.
    """
    get = values.get
    user, port = get("user", local_user), get("port", DEFAULT_PORT)
    key_alias = _lower(get("hostkeyalias"))
    proxy = get("proxy")
    hops = proxy.hops if isinstance(proxy, Jump) else ()
    tokens = host_tokens(
        alias=alias,
        hostname=hostname,
        port=port,
        user=user,
        key_alias=key_alias or alias,
        local_user=local_user,
        home=home,
        jump=",".join(hops),
    )

    def paths(written: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(
            path if path.lower() == "none" else expand_path(path, tokens, environment, home)
            for path in written
        )

    return HostOptions(
        alias=alias,
        hostname=hostname,
        port=port,
        user=user,
        user_given="user" in values,
        identity_files=paths(tuple(get("identityfile", ()))),
        certificate_files=paths(tuple(get("certificatefile", ()))),
        identities_only=get("identitiesonly", False),
        identity_agent=_agent(get("identityagent"), tokens, environment, home),
        proxy_jump=tuple(expand_tokens(hop, tokens) for hop in hops),
        proxy_command=_command(proxy, tokens),
        host_key_alias=key_alias,
        user_known_hosts_files=_unless_none(paths(get("userknownhostsfile", USER_KNOWN_HOSTS))),
        global_known_hosts_files=_unless_none(get("globalknownhostsfile", GLOBAL_KNOWN_HOSTS)),
        strict_host_key_checking=get("stricthostkeychecking", "ask"),
        check_host_ip=get("checkhostip", False),
        connect_timeout=_seconds(get("connecttimeout")),
        server_alive_interval=_seconds(get("serveraliveinterval")),
        server_alive_count_max=get("serveralivecountmax"),
        forward_agent=get("forwardagent", False),
        kex_algorithms=get("kexalgorithms"),
        ciphers=get("ciphers"),
        macs=get("macs"),
        host_key_algorithms=get("hostkeyalgorithms"),
        preferred_authentications=_split(get("preferredauthentications")),
        password_authentication=get("passwordauthentication", True),
        pubkey_authentication=get("pubkeyauthentication", True),
        kbd_interactive_authentication=get("kbdinteractiveauthentication", True),
        batch_mode=get("batchmode", False),
        compression=get("compression", False),
        address_family=get("addressfamily", "any"),
        bind_address=get("bindaddress"),
        send_env=tuple(get("sendenv", ())),
        set_env=get("setenv", ()),
    )


def canonical_host(name: str) -> str:
    """Spell an address in its one canonical way (``127.1`` is 127.0.0.1), a name in lower case."""
    if not _ADDRESS.fullmatch(name):
        return name.lower()
    try:
        # Bytes, because a str would be taken through IDNA first. Nothing is looked up.
        found = socket.getaddrinfo(name.encode(), None, flags=socket.AI_NUMERICHOST)
        return socket.getnameinfo(found[0][4], socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)[0]
    except OSError:
        return name.lower()


def _agent(
    written: str | None, tokens: Mapping[str, str], environment: Mapping[str, str], home: str
) -> str | None:
    if written is None or written == "SSH_AUTH_SOCK":
        return None
    if written.startswith("$") and not written.startswith("${"):
        return environment.get(written[1:], "none")  # ssh uses no agent then
    return "none" if written == "none" else expand_path(written, tokens, environment, home)


def _command(proxy: Jump | Command | None, tokens: Mapping[str, str]) -> str | None:
    if not isinstance(proxy, Command) or proxy.text.lower() == "none":
        return None
    return expand_tokens(proxy.text, tokens)


def _unless_none(paths: tuple[str, ...]) -> tuple[str, ...]:
    return () if paths and paths[0].lower() == "none" else paths


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()


def _seconds(value: int | None) -> float | None:
    return None if value is None else float(value)


def _split(text: str | None) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()
