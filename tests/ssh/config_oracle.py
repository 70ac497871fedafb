"""The judge of the ssh config tests: what ``ssh -G`` says about a host."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import subprocess
from collections import defaultdict
from fnmatch import fnmatchcase
from pathlib import Path

from lazytui.ssh.config import HostOptions, SSHConfig
from lazytui.ssh.config_expand import expand_path, expand_tokens, host_tokens

SSH = shutil.which("ssh")
MISSING = "OpenSSH's ssh is not installed, so there is nothing to compare with"
ME = pwd.getpwuid(os.getuid())

Dump = dict[str, list[str]]


class RefusedError(Exception):
    """ssh stopped because of the config."""


def dump(path: Path, alias: str) -> Dump:
    """Ask ssh for the settings of one host: keyword -> its lines, in order."""
    assert SSH is not None
    done = subprocess.run(
        [SSH, "-G", "-F", str(path), alias],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        check=False,
        timeout=20,
    )
    if done.returncode != 0:
        raise RefusedError(done.stderr.decode(errors="replace"))
    found: Dump = defaultdict(list)
    for line in done.stdout.decode("utf-8", "surrogateescape").splitlines():
        keyword, _, value = line.partition(" ")
        found[keyword].append(value)
    return found


def load(path: Path | None) -> SSHConfig:
    """Read a config as this process's user, whose real home ssh uses, whatever HOME says."""
    return SSHConfig.load(path, home=Path(ME.pw_dir), system_path=None)


def as_ssh_says(options: HostOptions, said: Dump, defaults: Dump) -> dict[str, object]:
    """Every field of HostOptions, computed from ssh's dump alone.

    Args:
        options: only for what ssh does not print: whether a value was given at all.
        said: the dump of this host.
        defaults: the dump of a host without any setting.
    """
    tokens = host_tokens(
        alias=options.alias,
        hostname=said["hostname"][0],
        port=int(said["port"][0]),
        user=said["user"][0],
        key_alias=_one(said, "hostkeyalias") or options.alias,
        local_user=ME.pw_name,
        home=ME.pw_dir,
    )

    def paths(keyword: str) -> tuple[str, ...]:
        return tuple(
            path if path == "none" else expand_path(path, tokens, os.environ, ME.pw_dir)
            for path in said[keyword]
        )

    def files(keyword: str) -> str:
        return "" if said[keyword] == ["none"] else said[keyword][0]

    def flag(keyword: str) -> bool:
        return said[keyword][0] in ("yes", "true", "unbound", "host-bound")

    command = _one(said, "proxycommand")
    pairs = (pair.partition("=") for pair in said["setenv"])
    untold_interval = "300" if flag("batchmode") else "0"
    return {
        "alias": options.alias,
        "hostname": said["hostname"][0],
        "port": int(said["port"][0]),
        "user": said["user"][0],
        "user_given": options.user_given or said["user"][0] != ME.pw_name,
        "identity_files": ()
        if said["identityfile"] == defaults["identityfile"]
        else paths("identityfile"),
        "certificate_files": paths("certificatefile"),
        "identities_only": flag("identitiesonly"),
        "identity_agent": _agent(_one(said, "identityagent")),
        "proxy_jump": tuple(
            # ssh prints brackets around IPv4 addresses, too.
            expand_tokens(re.sub(r"\[([\d.]+)\]", r"\1", hop), tokens)
            for hop in (_one(said, "proxyjump") or "").split(",")
            if hop
        ),
        "proxy_command": None if command is None else expand_tokens(command, tokens),
        "host_key_alias": _one(said, "hostkeyalias"),
        "user_known_hosts_files": files("userknownhostsfile"),
        "global_known_hosts_files": files("globalknownhostsfile"),
        "strict_host_key_checking": {"true": "yes", "false": "no"}.get(
            said["stricthostkeychecking"][0], said["stricthostkeychecking"][0]
        ),
        "check_host_ip": flag("checkhostip"),
        "connect_timeout": None
        if said["connecttimeout"] == ["none"]
        else float(said["connecttimeout"][0]),
        # Not set is 0 for ssh, and 300 with BatchMode in Debian's ssh.
        "server_alive_interval": None
        if options.server_alive_interval is None
        and said["serveraliveinterval"][0] in ("0", untold_interval)
        else float(said["serveraliveinterval"][0]),
        "server_alive_count_max": None
        if options.server_alive_count_max is None and said["serveralivecountmax"] == ["3"]
        else int(said["serveralivecountmax"][0]),
        "forward_agent": said["forwardagent"] != ["no"],
        "kex_algorithms": said["kexalgorithms"][0],
        "ciphers": said["ciphers"][0],
        "macs": said["macs"][0],
        "host_key_algorithms": said["hostkeyalgorithms"][0],
        "preferred_authentications": tuple(
            (_one(said, "preferredauthentications") or "").split(",")
            if said["preferredauthentications"]
            else ()
        ),
        "password_authentication": flag("passwordauthentication"),
        "pubkey_authentication": flag("pubkeyauthentication"),
        "kbd_interactive_authentication": flag("kbdinteractiveauthentication"),
        "batch_mode": flag("batchmode"),
        "compression": flag("compression"),
        "address_family": said["addressfamily"][0],
        "bind_address": _one(said, "bindaddress"),
        "send_env": tuple(dict.fromkeys(said["sendenv"])),  # ssh repeats them in a final pass
        "set_env": tuple((name, value) for name, _, value in pairs),
    }


def as_we_say(options: HostOptions, defaults: Dump) -> dict[str, object]:
    """The fields of our options, with algorithm lists worked out and lists of files joined."""
    fields = {name: getattr(options, name) for name in HostOptions.__slots__}
    for name in ("user_known_hosts_files", "global_known_hosts_files"):
        fields[name] = " ".join(fields[name])
    for name in ("kex_algorithms", "ciphers", "macs", "host_key_algorithms"):
        standard = defaults[name.replace("_", "")][0]
        fields[name] = _assemble(fields[name], standard)
    return fields


def _assemble(written: str | None, standard: str) -> str:
    """``+``, ``-`` and ``^`` in front of a list of algorithms change the standard list."""
    if not written or written[0] not in "+-^":
        return written or standard
    names, ours = written[1:].split(","), standard.split(",")
    if written[0] == "-":
        return ",".join(n for n in ours if not any(fnmatchcase(n, name) for name in names))
    first, second = (ours, names) if written[0] == "+" else (names, ours)
    return ",".join(dict.fromkeys((*first, *second)))


def _agent(said: str | None) -> str | None:
    if said is None or said == "SSH_AUTH_SOCK":
        return None
    if said.startswith("$") and not said.startswith("${"):
        return os.environ.get(said[1:], "none")
    return said


def _one(said: Dump, keyword: str) -> str | None:
    return said[keyword][0] if said[keyword] else None
