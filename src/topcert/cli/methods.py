"""`topcert methods`: every certificate by name."""

from __future__ import annotations

from topcert.cli.progress import console
from topcert.methods.registry import ALIASES, all_methods


def methods() -> None:
    """List the certificates, a line each: its k, the norm it bounds, what it needs and what its radius is worth."""
    rows = [("method", "k", "norm", "needs", "guarantee")]
    for method in all_methods().values():
        rows.append((method.name, "1" if method.only_top_1 else "any", method.norm, method.needs, method.guarantee))
    for alias, name in ALIASES.items():
        method = all_methods()[name]
        rows.append((alias, "1", method.norm, method.needs, f"the same as {name} at k = 1"))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        console.print("  ".join([*cells, row[4]]), highlight=False, soft_wrap=True)
