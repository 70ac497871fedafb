"""``python -m lazytui`` is the same as the command ``lazytui``."""

import sys

from lazytui.cli import main

if __name__ == "__main__":
    sys.exit(main())
