"""Text from a host, a file or the network on its way to a screen, made harmless here only.

A terminal obeys what it is sent: one escape sequence in a host's banner can fill the clipboard
(OSC 52), one bidi control can make ``rm`` look like ``ls``. Widgets do not filter, so every such
text passes :func:`sanitize`, or :func:`lazytui.ansi.parse_sgr_line` where colours are wanted.

The rule, one for both: what a terminal would not draw vanishes, whole sequences at a time; line
breaks become a blank (or stay ``\\n``), tabs become blanks; what is not text at all (invalid
UTF-8, lone surrogates) becomes one U+FFFD a run. Only visible characters and blanks remain.
"""

from __future__ import annotations

import re
import unicodedata

TAB = 8  # a terminal's tab stops

# Sequences end where a terminal would end them; an unfinished one ends with its line at the
# latest, so that no text can hide more than its own line. Each pattern takes linear time.
_STRING = (  # OSC, DCS, SOS, PM, APC and screen's title
    r"(?:\x1b[\]PX^_k]|[\x90\x98\x9d-\x9f])"
    r"[^\x07\x18\x1a\x1b\x9c\r\n]*(?:\x07|\x1b\\|[\x18\x1a\x9c])?"
)
_CSI = r"(?:\x1b\[|\x9b)(?P<params>[0-?]*)(?P<middle>[ -/]*)(?P<final>[@-~]?)"
_SINGLE_SHIFT = r"(?:\x1b[NO]|[\x8e\x8f])[ -~]?"
_ESCAPE = r"\x1b[ -/]*[0-~]?"
_BREAK = r"\r\n|[\n\x0b-\r\x85\u2028\u2029]"
# Undecodable bytes are surrogates here; noncharacters are for programs' inner use.
_NOT_TEXT = r"[\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]+"
# Controls, and whatever Unicode calls a format character or ignorable: never drawn, but able to
# reorder, join or hide what is drawn (bidi, zero width, tags, fillers, variation selectors).
_UNDRAWN = (
    r"[\x00-\x08\x0e-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    r"\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f"
    r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]+"
)
# Everything that is not a visible character or a blank.
SPECIAL = re.compile(
    f"(?P<string>{_STRING})|(?P<csi>{_CSI})|{_SINGLE_SHIFT}|{_ESCAPE}"
    f"|(?P<broken>{_NOT_TEXT})|(?P<line>{_BREAK})|(?P<tab>\t)|(?P<back>\x08)|{_UNDRAWN}"
)


def sanitize(
    text: str | bytes, *, keep_newlines: bool = False, max_chars: int | None = None
) -> str:
    """Give ``text`` as plain visible text, safe to show anywhere.

    Args:
        text: anything; bytes are read as UTF-8.
        keep_newlines: keep line breaks (all kinds become ``\\n``) instead of one blank each.
        max_chars: at most so many characters come back, the last one ``…`` if some are missing.
            The work is bounded too, however long ``text`` is.

    Returns:
        The text without control, escape, bidi or invisible characters. Giving it in again
        changes nothing.
    """
    cut = max_chars is not None and len(text) > (looked_at := 4096 + 16 * max_chars)
    if cut:
        text = text[:looked_at]
    plain = decode(text)
    if not (plain.isascii() and plain.isprintable()):
        newline = "\n" if keep_newlines else " "
        plain = SPECIAL.sub(lambda match: _plain_form(match, newline), plain).expandtabs(TAB)
    if max_chars is not None and (cut or len(plain) > max_chars):
        plain = plain[: max(0, max_chars - 1)] + "…"[:max_chars]
    return plain


def decode(text: str | bytes) -> str:
    """Read bytes as UTF-8; what cannot be read becomes surrogates, which SPECIAL finds."""
    return text.decode("utf-8", "surrogateescape") if isinstance(text, bytes) else text


def _plain_form(match: re.Match[str], newline: str) -> str:
    match match.lastgroup:
        case "line":
            return newline
        case "tab":
            return "\t"
        case "broken":
            return "\ufffd"
    return ""


# --- widths ------------------------------------------------------------------------------


def char_width(character: str) -> int:
    """How many cells (0, 1 or 2) a terminal gives a sanitized character."""
    if character < "\u0300":
        return 1
    category = unicodedata.category(character)
    if category[0] == "M" or "\u1160" <= character <= "\u11ff":
        return 0
    if unicodedata.east_asian_width(character) in "WF":
        return 2
    # Emoji younger than Python's tables: terminals that know them draw them wide.
    return 2 if category == "Cn" and "\U0001f300" <= character <= "\U0001faff" else 1


def cell_width(text: str) -> int:
    """How many cells of a terminal the sanitized ``text`` takes."""
    return len(text) if text.isascii() else sum(map(char_width, text))


def fit(text: str, cells: int) -> str:
    """Cut sanitized ``text`` to at most ``cells`` cells, the last one ``…`` if it was longer."""
    if cell_width(text) <= cells:
        return text
    room = cells - 1
    for index, character in enumerate(text):
        room -= char_width(character)
        if room < 0:
            return text[:index] + "…"[: max(0, cells)]
    return text


# --- numbers -----------------------------------------------------------------------------

NOTHING = "--"  # shown where a number is not known


def size_text(size_bytes: float | None) -> str:
    """Bytes in at most four characters: ``512B 9.5K 38G 1.2T``; 1K is 1024 bytes."""
    if size_bytes is None:
        return NOTHING
    size, unit = max(0.0, float(size_bytes)), "B"
    for larger in "KMGTPE":
        if size < 999.5:
            break
        size, unit = size / 1024, larger
    return f"{size:.1f}{unit}" if unit != "B" and size < 9.95 else f"{size:.0f}{unit}"


def duration_text(seconds: float | None) -> str:
    """How long something took: ``0.3s 4s 3m 11s 02:14:07 5d 04h``."""
    if seconds is None:
        return NOTHING
    if 0.05 <= seconds < 0.95:
        return f"{seconds:.1f}s"
    whole = max(0, round(seconds))
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    if whole < 60:
        return f"{second}s"
    if hours == 0:
        return f"{minute}m {second:02}s"
    if hours < 100:
        return f"{hours:02}:{minute:02}:{second:02}"
    return f"{hours // 24}d {hours % 24:02}h"


def age_text(seconds: float | None) -> str:
    """How long ago something was, in one unit: ``12s 4m 2h 3d``."""
    if seconds is None:
        return NOTHING
    whole = max(0, int(seconds))
    for length, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if whole >= length:
            return f"{whole // length}{unit}"
    return f"{whole}s"


def percent(share: float | None) -> str:
    """A share (0 to 1) as ``31%``."""
    return NOTHING if share is None else f"{share * 100:.0f}%"
