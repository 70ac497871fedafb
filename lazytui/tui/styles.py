"""Where the style sheets are."""

from __future__ import annotations

from pathlib import Path


def sheet_paths() -> list[Path]:
    """Give the style sheets in the order they apply.

    A wheel carries them inside this package; a checkout has them at its top level.

    Raises:
        FileNotFoundError: there are none, so the installation is broken.
    """
    here = Path(__file__).parent
    for folder in (here / "tcss", here.parents[1] / "tcss"):
        sheets = sorted(folder.glob("*.tcss"))
        if sheets:
            return sheets
    raise FileNotFoundError(f"no style sheets beside {here}: install lazytui again")
