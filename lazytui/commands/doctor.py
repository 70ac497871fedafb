"""``lazytui doctor``: what runs, what is in order, and what to do about the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lazytui.commands import common
from lazytui.commands.doctor_checks import Finding, Health, findings
from lazytui.text import sanitize

if TYPE_CHECKING:
    from lazytui.commands.call import Call

SYMBOLS = {Health.FINE: "✓", Health.ATTENTION: "◆", Health.BROKEN: "✗"}


async def doctor(call: Call) -> int:
    """Look at everything lazytui lives on; exit code 1 when something is broken."""
    found = findings(call)
    if call.arguments.json:
        call.print_json([_object(finding) for finding in found])
    else:
        _print(call, found)
    return common.FAILED if any(f.health is Health.BROKEN for f in found) else common.OK


def _print(call: Call, found: list[Finding]) -> None:
    width = max(len(finding.check) for finding in found)
    for finding in found:
        text = sanitize(finding.text)
        call.print(f"{SYMBOLS[finding.health]} {finding.check.ljust(width)}  {text}")
        if finding.advice:
            call.print(f"  {' ' * width}  → {sanitize(finding.advice)}")
    worse = sum(finding.health is not Health.FINE for finding in found)
    call.print()
    call.print("all is well" if not worse else f"{worse} of {len(found)} want a look")


def _object(finding: Finding) -> dict[str, object]:
    return {
        "check": finding.check,
        "state": str(finding.health),
        "text": finding.text,
        "advice": finding.advice or None,
    }
