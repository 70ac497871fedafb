"""The screens. Textual is imported here and nowhere below.

Textual reads ``ESCDELAY`` once, when it is imported, and waits 100 ms after every ``esc`` by
default. This package is imported before Textual by everything that shows a screen, so the
shorter wait is set here; a value of the user's own is kept.
"""

import os

os.environ.setdefault("ESCDELAY", "25")
