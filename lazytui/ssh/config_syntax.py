"""How OpenSSH cuts the lines of an ssh config, and its wildcard patterns.

Two tokenizers, because OpenSSH has two: the keyword and all of a ``Match`` line are cut at
white space, ``=`` and ``"`` (:func:`next_word`); every other argument list is cut by
:func:`split_arguments`, which also knows single quotes, backslashes and trailing comments.
"""

from __future__ import annotations

import re

WHITESPACE = " \t\r\n"
MAX_PATTERN = 1023
"""OpenSSH compares no pattern of a comma-separated list that is longer (in characters)."""

_DELIMITER = re.compile(r'[ \t\r\n="]')
_SPECIAL = re.compile(r"""["'\\#]""")
_TIME = re.compile(r"(?:\s*\+?\d+[smhdw])*(?:\s*\+?\d+[smhdw]?)", re.ASCII | re.IGNORECASE)
_TIME_PART = re.compile(r"(\d+)([smhdw]?)", re.IGNORECASE)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_MAX_INT = 2**31 - 1


class ConfigSyntaxError(ValueError):
    """A line that ssh would refuse; the text says why, without the place."""


def split_keyword(line: str) -> tuple[str, str] | None:
    """Cut one line into its keyword, in lower case, and the rest.

    Args:
        line: the line, with or without its line break.

    Returns:
        keyword and rest, or None for an empty line or a comment.
    """
    line = line.partition("\0")[0].rstrip(WHITESPACE + "\f").lstrip(WHITESPACE)
    word, rest = next_word(line)
    if word == "" and rest is not None:  # ssh passes over one "=" in front of the keyword
        word, rest = next_word(rest)
    if not word or word.startswith("#"):
        return None
    return word.lower(), (rest or "").lstrip(WHITESPACE)


def next_word(text: str) -> tuple[str | None, str | None]:
    """Take the first word, ended by white space, one ``=``, or the end of a quoted part.

    Returns:
        the word (None when its quote is never closed) and what follows (None at the end).
    """
    found = _DELIMITER.search(text)
    if found is None:
        return text, None
    at = found.start()
    if text[at] == '"':
        end = text.find('"', at + 1)
        if end < 0:
            return None, None
        return text[:at] + text[at + 1 : end], text[end + 1 :].lstrip(WHITESPACE)
    rest = text[at + 1 :].lstrip(WHITESPACE)
    if text[at] != "=" and rest.startswith("="):
        rest = rest[1:].lstrip(WHITESPACE)
    return text[:at], rest


def split_arguments(text: str) -> list[str]:
    """Cut arguments at blanks; quotes and backslashes as OpenSSH, a ``#`` word ends them.

    Raises:
        ConfigSyntaxError: a quote is never closed.
    """
    if not _SPECIAL.search(text):
        return [word for word in text.replace("\t", " ").split(" ") if word]
    words: list[str] = []
    at = 0
    while at < len(text):
        if text[at] in " \t":
            at += 1
        elif text[at] == "#":
            break
        else:
            word, at = _take_argument(text, at)
            words.append(word)
    return words


def _take_argument(text: str, at: int) -> tuple[str, int]:
    """One argument that starts at ``at``, and the place behind it."""
    out: list[str] = []
    quote = ""
    while at < len(text):
        char = text[at]
        if char == "\\" and _is_escape(text[at + 1 : at + 2], quote):
            at += 1
            out.append(text[at])
        elif not quote and char in " \t":
            break
        elif not quote and char in "\"'":
            quote = char
        elif quote and char == quote:
            quote = ""
        else:
            out.append(char)
        at += 1
    if quote:
        raise ConfigSyntaxError("a quote is never closed")
    return "".join(out), at


def _is_escape(char: str, quote: str) -> bool:
    return char in ("'", '"', "\\") or (char == " " and not quote)


def parse_seconds(text: str) -> int:
    """Read a time such as ``90``, ``1m`` or ``1h30m`` as whole seconds.

    Raises:
        ConfigSyntaxError: not a time.
    """
    if not _TIME.fullmatch(text):
        raise ConfigSyntaxError(f"not a time: {text}")
    total = sum(
        int(number) * _SECONDS[unit.lower()] for number, unit in _TIME_PART.findall(text[:200])
    )
    if total > _MAX_INT or len(text) > 200:
        raise ConfigSyntaxError(f"the time is too long: {text[:40]}")
    return total


def is_pattern(text: str) -> bool:
    """True when the text is a wildcard or a negation, so that it names no host by itself."""
    return "*" in text or "?" in text or text.startswith("!")


def matches(text: str, pattern: str) -> bool:
    """True when the pattern (``*``, ``?``, else literal, case counts) covers all of the text.

    Each part between stars is looked for once, from left to right, and never again: that is
    enough for wildcards, and ``*a*a*a*b`` costs no more than its length.
    """
    first, *others = pattern.split("*")
    if not others:
        return len(text) == len(pattern) and _stands_at(text, pattern, 0)
    *middle, last = others
    at, end = len(first), len(text) - len(last)
    if at > end or not _stands_at(text, first, 0) or not _stands_at(text, last, end):
        return False
    for part in middle:
        found = _find(text, part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _stands_at(text: str, part: str, at: int) -> bool:
    if "?" not in part:
        return text.startswith(part, at)
    there = text[at : at + len(part)]
    return all(want in ("?", char) for want, char in zip(part, there, strict=True))


def _find(text: str, part: str, at: int, end: int) -> int:
    if "?" not in part:
        return text.find(part, at, end)
    places = range(at, end - len(part) + 1)
    return next((place for place in places if _stands_at(text, part, place)), -1)


def matches_list(text: str, patterns: str, *, ignore_case: bool = False) -> bool:
    """True when one pattern of a comma-separated list matches and no ``!`` pattern does.

    Args:
        text: what is compared.
        patterns: the list, e.g. ``*.example.com,!bad.example.com``.
        ignore_case: lower the case of the patterns; the caller has lowered the text's.
    """
    found = False
    for pattern in patterns.split(","):
        negated = pattern.startswith("!")
        pattern = pattern[1:] if negated else pattern
        if len(pattern) > MAX_PATTERN:
            return False
        if matches(text, pattern.lower() if ignore_case else pattern):
            if negated:
                return False
            found = True
    return found
