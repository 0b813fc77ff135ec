"""The votes that the package carries are those that were collected, to the byte."""

from __future__ import annotations

import hashlib
from pathlib import Path
from zipfile import ZipFile

import pytest

import topcert_paper
from topcert_paper.kept import open_kept
from topcert_paper.records import read_origins

VOTES = Path(topcert_paper.__file__).parent / "votes"

# SHA-256 of what lay in each folder when the votes were collected: name, a zero byte and content
# of one file after the other, in the order of names
COLLECTED = dict(
    reversed(line.split("  "))
    for line in (Path(__file__).parent / "collected.sha256").read_text("ascii").splitlines()
)


def digest(files: dict[str, bytes]) -> str:
    found = hashlib.sha256()
    for name in sorted(files):
        found.update(name.encode() + b"\0" + files[name])
    return found.hexdigest()


@pytest.mark.parametrize("name", sorted(COLLECTED))
def test_every_file_of_a_ledger_is_as_it_was_collected(name: str) -> None:
    with ZipFile(VOTES / "beyond" / f"{name}.zip") as packed:
        inside = {path: packed.read(path) for path in packed.namelist()}
    assert digest(inside) == COLLECTED[name]
    with open_kept(VOTES / "beyond", name) as ledger:
        opened = {
            path.relative_to(ledger.folder).as_posix(): path.read_bytes()
            for path in ledger.folder.rglob("*")
            if path.is_file()
        }
        folder = ledger.folder
    assert opened == inside
    assert not folder.exists()


def test_each_set_of_votes_is_one_file() -> None:
    found = {path.stem for path in (VOTES / "beyond").iterdir() if path.suffix == ".zip"}
    assert found == set(COLLECTED) == set(read_origins(VOTES / "beyond"))
    assert not [path for path in (VOTES / "beyond").iterdir() if path.is_dir()]
    files = [path for path in VOTES.rglob("*") if path.is_file()]
    assert len(files) < 70
