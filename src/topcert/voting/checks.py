"""The record of a run's last act: on how many rows it was checked that each is judged by itself.

    DIR/ledger/checks.json   format, digest of the manifest, rows, passes; second_rows,
                             second_passes and second: on how many rows a second instance of the
                             model agreed, and how it came about

Folders of some releases lack the last three. It is written after the last vote and the last check,
so a folder without it was made by an older release or is not finished.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, final

from topcert.files import first_line, replacing
from topcert.voting.row_trial import RowCheck

FORMAT: Final = "topcert-checks-1"
CHECKS: Final = Path("ledger", "checks.json")
FIELDS: Final = frozenset({"format", "manifest", "rows", "passes"})
SECOND: Final = frozenset({"second", "second_rows", "second_passes"})


@final
@dataclass(frozen=True, kw_only=True)
class SecondCheck:
    """`rows` votes that a second instance of the model cast too, in `passes` passes of both; `how`
    it came about, or why there was none: `rows` is 0 then.
    """

    rows: int
    passes: int
    how: str

    def __add__(self, other: SecondCheck) -> SecondCheck:
        passes = self.passes + other.passes
        for part in (self, other):
            if not part.rows:  # once without one is without
                return SecondCheck(rows=0, passes=passes, how=part.how)
        return SecondCheck(rows=self.rows + other.rows, passes=passes, how=other.how)


@final
@dataclass(frozen=True, kw_only=True)
class CheckRecord:
    """What a record says: `rows` judged again among others; all `passes` of the checks; None where
    no second instance was spoken of.
    """

    rows: int
    passes: int
    second: SecondCheck | None


def write_check(
    folder: Path, found: RowCheck, manifest: str, *, second: SecondCheck | None = None
) -> None:
    """Record in a run's folder, under the digest of its manifest, how rows were tried: the last
    thing that a run does.

    Which rows are tried follows from the seed of the run, so the same run leaves the same record.
    """
    record: dict[str, Any] = {
        "format": FORMAT,
        "manifest": manifest,
        "rows": found.rows,
        "passes": found.passes,
    }
    if second is not None:
        record |= {"second": second.how, "second_rows": second.rows, "second_passes": second.passes}
    text = json.dumps(record, indent=2, sort_keys=True)
    with replacing(folder / CHECKS) as aside:
        aside.write_text(text + "\n", encoding="utf-8")


def read_check(folder: Path, manifest: str) -> CheckRecord | None:
    """What was tried; None where no record says.

    Raises ValueError where the record is damaged or of another run.
    """
    path = folder / CHECKS
    if not path.is_file():
        return None
    try:
        text = path.read_text(encoding="utf-8")
        found = json.loads(text)
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is damaged ({first_line(error)}); delete it and go on with --resume"
        ) from error
    written = json.dumps(found, indent=2, sort_keys=True) + "\n"
    keys = found.keys() if isinstance(found, dict) else set()
    if keys not in (FIELDS, FIELDS | SECOND) or found["format"] != FORMAT or text != written:
        raise ValueError(f"{path} is not as topcert writes it; delete it and go on with --resume")
    second = None
    counted, more = [found["rows"], found["passes"]], []
    if "second" in found:
        more = [found["second_rows"], found["second_passes"]]
        second = SecondCheck(rows=more[0], passes=more[1], how=found["second"])
    wrong = (
        any(type(number) is not int for number in counted + more)
        or min(counted) < 1
        or min(more, default=0) < 0
    )
    if (
        found["manifest"] != manifest
        or wrong
        or (second is not None and not isinstance(second.how, str))
    ):
        raise ValueError(
            f"{path} is of another run, or was changed; delete it and go on with --resume"
        )
    return CheckRecord(rows=counted[0], passes=counted[1] + sum(more[1:]), second=second)


def in_words(found: CheckRecord | None) -> str:
    """What prints say of it."""
    if found is None:
        return "That the classifier judges each row by itself was not recorded as checked."
    sentence = (
        f"That the classifier judges each row by itself was checked on {found.rows:,} rows, not"
        " proven."
    )
    return sentence if found.second is None else f"{sentence} {second_in_words(found.second)}"


def second_in_words(found: SecondCheck) -> str:
    """What prints say of a second instance."""
    if not found.rows:
        return (
            "No second instance of the model was asked: a memory of earlier rows would go"
            f" unnoticed ({found.how})."
        )
    return (
        f"A second instance of the model ({found.how}) agreed on {found.rows:,} rows, asked in"
        " another order."
    )
