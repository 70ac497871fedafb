"""The keywords of ssh_config(5): which there are, and how the values that lazytui uses are read.

Keywords that lazytui has no use for are known by name only, so that a misspelt one is found.
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, NamedTuple

from lazytui.ssh.config_expand import HOST_TOKENS, PROXY_TOKENS, check, check_path
from lazytui.ssh.config_syntax import ConfigSyntaxError, parse_seconds, split_arguments

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_MAX_INT = 2**31 - 1
_FLAGS = {"yes": True, "true": True, "no": False, "false": False}
_COMPRESSION = {"yes": True, "no": False}
_PUBKEY = {**_FLAGS, "unbound": True, "host-bound": True}
_STRICT = {
    "yes": "yes",
    "true": "yes",
    "no": "no",
    "false": "no",
    "off": "no",
    "ask": "ask",
    "accept-new": "accept-new",
}
_FAMILIES = {"any": "any", "inet": "inet", "inet6": "inet6"}
_CANONICALIZE = {**_FLAGS, "always": True}
_PROXY = "proxy"
"""ProxyJump and ProxyCommand fill one slot: the first of the two wins."""


class Setting(NamedTuple):
    """One value read from one line.

    Args:
        key: the keyword in lower case; aliases and obsolete names are replaced.
        value: the parsed value.
        adds: every line of this keyword adds its value, instead of the first one winning.
    """

    key: str
    value: object
    adds: bool = False


class Jump(NamedTuple):
    """ProxyJump: the hops in the order in which they are passed; empty means none."""

    hops: tuple[str, ...]


NO_JUMP = Jump(())
"""ProxyJump none."""


class Command(NamedTuple):
    """ProxyCommand: the command line, not expanded; ``none`` means none."""

    text: str


class Removal(NamedTuple):
    """SendEnv -PATTERN: forget the names that match."""

    pattern: str


def parse_setting(keyword: str, rest: str, environment: Mapping[str, str]) -> Setting | None:
    """Read the arguments of a known keyword.

    Args:
        keyword: in lower case, one for which :func:`is_known` holds.
        rest: the line behind it.
        environment: checked for the variables that the value names.

    Returns:
        the setting, or None when lazytui has no use for this keyword (or value).

    Raises:
        ConfigSyntaxError: ssh would refuse the line; the text says why.
    """
    if not rest:
        raise ConfigSyntaxError(f"{keyword} needs an argument")
    words = split_arguments(rest)  # ssh checks the quotes of every line, also of commands
    keyword = _ALIASES.get(keyword, keyword)
    if keyword == "proxycommand":
        return Setting(_PROXY, Command(check(rest.lstrip("= \t\r\n"), PROXY_TOKENS)))
    if keyword == "proxyjump":
        return Setting(_PROXY, _jump(rest))
    if keyword in _LISTS:
        return _LISTS[keyword](words, environment)
    if keyword not in _SINGLE:
        return None
    if not words or not words[0]:
        raise ConfigSyntaxError(f"{keyword} needs an argument")
    if len(words) > 1:
        raise ConfigSyntaxError(f"{keyword} takes one argument, not {len(words)}")
    value = _SINGLE[keyword](words[0], environment)
    return None if value is None else Setting(keyword, value, adds=keyword in _ADDING)


def is_known(keyword: str) -> bool:
    """True when some version of OpenSSH has this keyword, be it to ignore it."""
    return keyword in _SINGLE or keyword in _LISTS or keyword in _ALIASES or keyword in _OTHERS


def parse_port(text: str) -> int:
    """Read a port, 1 to 65535, or the name of a TCP service.

    Raises:
        ConfigSyntaxError: neither.
    """
    if re.fullmatch(r"\s*\+?\d{1,9}", text, re.ASCII):
        port = int(text)
    else:
        try:
            port = socket.getservbyname(text, "tcp")
        except (OSError, ValueError):
            port = 0
    if not 0 < port < 65536:
        raise ConfigSyntaxError(f"not a port: {text}")
    return port


def _word(text: str, environment: Mapping[str, str]) -> object:
    return text


def _choice(values: Mapping[str, object]) -> Callable[[str, Mapping[str, str]], object]:
    def parse(text: str, environment: Mapping[str, str]) -> object:
        try:
            return values[text.lower()]
        except KeyError:
            raise ConfigSyntaxError(f"not one of {', '.join(values)}: {text}") from None

    return parse


def _hostname(text: str, environment: Mapping[str, str]) -> object:
    return check(text, HOST_TOKENS)


def _path(text: str, environment: Mapping[str, str]) -> object:
    return check_path(text, environment)


def _agent(text: str, environment: Mapping[str, str]) -> object:
    if text.startswith("$") and not text.startswith("${"):
        if not re.fullmatch(r"\w+", text[1:], re.ASCII):
            raise ConfigSyntaxError(f"not a variable: {text}")
        return text
    return check_path(text, environment)


def _forward_agent(text: str, environment: Mapping[str, str]) -> object:
    return _FLAGS.get(text.lower(), True)  # anything else is the agent's socket


def _port(text: str, environment: Mapping[str, str]) -> object:
    return parse_port(text)


def _seconds(text: str, environment: Mapping[str, str]) -> object:
    # "none" leaves the value unset, so that a later line may still set it.
    return None if text == "none" else parse_seconds(text)


def _count(text: str, environment: Mapping[str, str]) -> object:
    if not re.fullmatch(r"\s*\+?\d{1,10}", text, re.ASCII) or int(text) > _MAX_INT:
        raise ConfigSyntaxError(f"not a count: {text}")
    return int(text)


def _jump(rest: str) -> Jump:
    text = rest.lstrip("= \t\r\n").partition("#")[0].rstrip()
    if text.lower() == "none":  # with a comment behind it, too; ssh takes that for a host
        return NO_JUMP
    return Jump(tuple(_hop(check(hop, PROXY_TOKENS)) for hop in text.split(",")))


def _hop(text: str) -> str:
    """One hop as ``user@host:port``; user and port only where given."""
    problem = ConfigSyntaxError(f"not a jump host: {text or '(empty)'}")
    address = text[6:].removesuffix("/") if text.lower().startswith("ssh://") else text
    user, at, place = address.rpartition("@")
    if at and not user:
        raise problem
    host, colon, port = _host_and_port(place)
    if not host or "/" in place or (place.startswith("[") and "]" not in place):
        raise problem
    suffix = f":{parse_port(port)}" if colon and port else ""
    return f"{user}{at}{f'[{host}]' if ':' in host else host}{suffix}"


def _host_and_port(place: str) -> tuple[str, str, str]:
    if not place.startswith("["):
        return place.partition(":")
    host, _, behind = place[1:].partition("]")
    return host, behind[:1], behind[1:]


def _files(words: list[str], environment: Mapping[str, str], key: str) -> Setting | None:
    if not words:
        return None
    if any(not word for word in words):
        raise ConfigSyntaxError(f"{key} has an empty argument")
    if len(words) > 1 and any(word.lower() == "none" for word in words):
        raise ConfigSyntaxError(f'"none" must stand alone in {key}')
    for word in words if key == "userknownhostsfile" else ():
        check_path(word, environment)
    return Setting(key, tuple(words))


def _user_known_hosts(words: list[str], environment: Mapping[str, str]) -> Setting | None:
    return _files(words, environment, "userknownhostsfile")


def _global_known_hosts(words: list[str], environment: Mapping[str, str]) -> Setting | None:
    return _files(words, environment, "globalknownhostsfile")


def _send_env(words: list[str], environment: Mapping[str, str]) -> Setting | None:
    if any(not word or "=" in word for word in words):
        raise ConfigSyntaxError("SendEnv takes names of variables")
    names = tuple(Removal(word[1:]) if word.startswith("-") else word for word in words)
    return Setting("sendenv", names, adds=True)


def _set_env(words: list[str], environment: Mapping[str, str]) -> Setting | None:
    pairs: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals:
            raise ConfigSyntaxError("SetEnv takes NAME=VALUE")
        pairs.setdefault(name, value)
    return Setting("setenv", tuple(pairs.items())) if pairs else None


_LISTS: Mapping[str, Callable[[list[str], Mapping[str, str]], Setting | None]] = {
    "userknownhostsfile": _user_known_hosts,
    "globalknownhostsfile": _global_known_hosts,
    "sendenv": _send_env,
    "setenv": _set_env,
}
_ADDING = frozenset({"identityfile", "certificatefile"})
_SINGLE: Mapping[str, Callable[[str, Mapping[str, str]], object]] = {
    "addressfamily": _choice(_FAMILIES),
    "batchmode": _choice(_FLAGS),
    "bindaddress": _word,
    "canonicalizehostname": _choice(_CANONICALIZE),
    "certificatefile": _path,
    "checkhostip": _choice(_FLAGS),
    "ciphers": _word,
    "compression": _choice(_COMPRESSION),
    "connecttimeout": _seconds,
    "forwardagent": _forward_agent,
    "hostkeyalgorithms": _word,
    "hostkeyalias": _word,
    "hostname": _hostname,
    "identitiesonly": _choice(_FLAGS),
    "identityagent": _agent,
    "identityfile": _path,
    "ignoreunknown": _word,
    "kbdinteractiveauthentication": _choice(_FLAGS),
    "kexalgorithms": _word,
    "macs": _word,
    "passwordauthentication": _choice(_FLAGS),
    "port": _port,
    "preferredauthentications": _word,
    "pubkeyauthentication": _choice(_PUBKEY),
    "serveralivecountmax": _count,
    "serveraliveinterval": _seconds,
    "stricthostkeychecking": _choice(_STRICT),
    "user": _word,
}
_ALIASES: Mapping[str, str] = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "tisauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "identityfile2": "identityfile",
}
# In use today, without a meaning for lazytui.
_UNUSED = """
    addkeystoagent bindinterface canonicaldomains canonicalizefallbacklocal
    canonicalizemaxdots canonicalizepermittedcnames casignaturealgorithms channeltimeout
    clearallforwardings connectionattempts controlmaster controlpath controlpersist
    dynamicforward enableescapecommandline enablesshkeysign escapechar exitonforwardfailure
    fingerprinthash forkafterauthentication forwardx11 forwardx11timeout forwardx11trusted
    gatewayports gssapiauthentication gssapiclientidentity gssapidelegatecredentials
    gssapikexalgorithms gssapikeyexchange gssapirenewalforcesrekey gssapiserveridentity
    gssapitrustdns hashknownhosts hostbasedacceptedalgorithms hostbasedauthentication
    hostbasedkeytypes ipqos kbdinteractivedevices knownhostscommand localcommand localforward
    loglevel logverbose nohostauthenticationforlocalhost numberofpasswordprompts
    obscurekeystroketiming permitlocalcommand permitremoteopen pkcs11provider proxycommand
    proxyjump proxyusefdpass pubkeyacceptedalgorithms pubkeyacceptedkeytypes refuseconnection
    rekeylimit remotecommand remoteforward requesttty requiredrsasize revokedhostkeys
    securitykeyprovider sessiontype smartcarddevice stdinnull streamlocalbindmask
    streamlocalbindunlink syslogfacility tag tcpkeepalive keepalive tunnel tunneldevice
    updatehostkeys usekeychain verifyhostkeydns versionaddendum visualhostkey warnweakcrypto
    xauthlocation
    """
# Deprecated or unsupported: ssh only mentions them.
_OBSOLETE = """
    afstokenpassing cipher compressionlevel fallbacktorsh globalknownhostsfile2
    kerberosauthentication kerberostgtpassing protocol rhostsauthentication
    rhostsrsaauthentication rsaauthentication useprivilegedport userknownhostsfile2
    useroaming usersh
    """
_OTHERS = frozenset((_UNUSED + _OBSOLETE).split())
