"""The record of a run's last act: on how many rows it was checked that each is judged by itself.

    DIR/ledger/checks.json   format, digest of the manifest, rows, passes

It is written after the last vote and the last check, so a folder without it was made by an older release or is not finished.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from topcert.files import first_line, replacing
from topcert.voting.rows import RowCheck

FORMAT: Final = "topcert-checks-1"
_KEYS: Final = {"format", "manifest", "rows", "passes"}
CHECKS: Final = Path("ledger", "checks.json")


def write_check(folder: Path, found: RowCheck, manifest: str) -> None:
    """Record in a run's folder, under the digest of its manifest, how rows were tried: the last thing that a run does.

    What was tried anew at the end has other mates each time; rows are as many, so the same run leaves the same record.
    """
    record = {"format": FORMAT, "manifest": manifest, "rows": found.rows, "passes": found.passes}
    text = json.dumps(record, indent=2, sort_keys=True)
    with replacing(folder / CHECKS) as aside:
        aside.write_text(text + "\n", encoding="utf-8")


def read_check(folder: Path, manifest: str) -> RowCheck | None:
    """What was tried, but for how far scores moved; None where no record says.

    Raises ValueError where the record is damaged or of another run.
    """
    path = folder / CHECKS
    if not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(f"{path} is damaged ({first_line(error)}); delete it and go on with --resume") from error
    written = json.dumps(found, indent=2, sort_keys=True) + "\n"
    if not isinstance(found, dict) or found.keys() != _KEYS or found["format"] != FORMAT or text != written:
        raise ValueError(f"{path} is not as topcert writes it; delete it and go on with --resume")
    numbers = (found["rows"], found["passes"])
    if found["manifest"] != manifest or any(type(number) is not int or number < 1 for number in numbers):
        raise ValueError(f"{path} is of another run, or was changed; delete it and go on with --resume")
    return RowCheck(rows=numbers[0], passes=numbers[1], moved=0.0)


def in_words(found: RowCheck | None) -> str:
    """What prints say of it."""
    if found is None:
        return "That the classifier judges each row by itself was not recorded as checked."
    return f"That the classifier judges each row by itself was checked on {found.rows:,} rows, not proven."
