"""`topcert methods`: every certificate by name."""

from __future__ import annotations

import textwrap
from typing import Final

from topcert.cli import options
from topcert.cli.machine import print_json
from topcert.cli.own_commands import OwnCommand
from topcert.cli.progress import console, messages
from topcert.methods.registered_methods import ALIASES, all_methods, refused_methods

INDENT = "    "


def methods(*, as_json: options.AsJson = False) -> None:
    """List the certificates: of each its k and w (labels a vote may name), its norm, needs and what
    its radius is worth. Those of installed packages are among them.
    """
    for line in refused_methods():
        messages.print(line, highlight=False, soft_wrap=True)
    rows = [
        {
            "name": method.name,
            "k": "1" if method.only_top_1 else "any",
            "ballot": "any" if method.ballots else "1",
            "norm": method.norm,
            "needs": method.needs,
            "guarantee": method.guarantee,
        }
        for method in all_methods().values()
    ]
    for alias, name in ALIASES.items():
        same = next(row for row in rows if row["name"] == name)
        rows.append({**same, "name": alias, "k": "1", "guarantee": f"the same as {name} at k = 1"})
    if as_json:
        print_json(rows)
        return
    for row in rows:
        facts = f"k: {row['k']}, w: {row['ballot']}, norm: {row['norm']}"
        console.print(f"{row['name']}  ({facts})", highlight=False, soft_wrap=True)
        for text in (f"needs {row['needs']}", row["guarantee"]):
            lines = textwrap.fill(
                text, console.width, initial_indent=INDENT, subsequent_indent=INDENT
            )
            console.print(lines, highlight=False, soft_wrap=True)


COMMAND: Final = OwnCommand(run=methods, short="Every certificate there is.", place=90)
