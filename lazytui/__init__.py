"""lazytui: control a cluster of SSH hosts from the terminal, or from Python."""

__version__ = "0.1.0"
