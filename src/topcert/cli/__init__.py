"""The `topcert` command: parse, call, print."""

from topcert.cli.app import main

__all__ = ["main"]
