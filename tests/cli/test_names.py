"""Files and classes stand by their names in everything that a run writes and prints, and nothing
else changes.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.conftest import Outcome
from topcert.datasets import load_dataset
from topcert.evaluation.results import derive, write_results
from topcert.voting.given_names import Names, given_names
from topcert.voting.inputs import fingerprint_inputs, inputs_table
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import Manifest
from topcert.voting.voter import Voter

MODEL = "models_for_tests:linear"
RUN = [
    "certify",
    "photos",
    MODEL,
    "--keep",
    4,
    "--samples",
    100,
    "--encoding",
    "constant",
    "--k",
    1,
    "--k",
    2,
]
RUN += ["--class-names", "names.txt"]
# of the model; there are no photographs of the last two
CLASSES = ("bee", "cat", "dog", "elk", "fox")
FILES = ["bee/10.png", "bee/2.png", "cat/x, y.png", "cat/z.png", "dog/a.png"]


@pytest.fixture
def photos(workplace: Path) -> Path:
    """Five photographs in three classes, each of its own content, and the names of the model's
    five.
    """
    (workplace / "names.txt").write_text("\n".join(CLASSES))
    generator = np.random.default_rng(3)
    for name in FILES:
        path = workplace / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(generator.integers(0, 256, (4, 3, 3), np.uint8)).save(path)
    return workplace


def test_certificates_name_files_and_classes(photos: Path, topcert: Callable[..., Outcome]) -> None:
    run = topcert(*RUN, "--label", "predicted", "--out", "o")
    assert run.code == 0, run.err
    rows = pq.read_table("o/certificates.parquet").to_pylist()
    assert list(rows[0])[:5] == ["index", "name", "label", "class", "k"]
    assert [row["name"] for row in rows] == [name for name in FILES for _ in range(3)]
    assert {row["class"] for row in rows} & set(CLASSES[3:])
    assert all(row["class"] == CLASSES[row["label"]] for row in rows)
    for name in FILES:
        assert name in run.out
    assert topcert("verify", "o", "--model", MODEL).code == 0
    assert "bee/10.png" in topcert("evaluate", "o").out


def test_counts_name_files_and_classes_and_are_read_by_radius(
    photos: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*RUN, "--out", "o").code == 0
    with Path("o/counts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["name", "0", "1", "2", "3", "4", "label", "class"]
    assert [row["name"] for row in rows] == FILES
    assert [row["class"] for row in rows] == ["bee", "bee", "cat", "cat", "dog"]
    radii = topcert("radius", "o/counts.csv", "--keep", 4, "--features", 12, "--k", 1, "--k", 2)
    assert radii.code == 0, radii.err
    had = [row["radius"] for row in pq.read_table("o/certificates.parquet").to_pylist()]
    lines = list(csv.reader(radii.out.splitlines()))
    place = lines[0].index("radius")
    assert [int(line[place]) if line[place] else None for line in lines[1:]] == had
    assert lines[0] == ["index", "name", "label", "class", "k", "radius"]
    assert [line[1] for line in lines[1:]] == [name for name in FILES for _ in range(2)]
    assert [line[3] for line in lines[1:]] == [CLASSES[int(line[2])] for line in lines[1:]]
    asked = ["radius", "o/counts.csv", "--keep", 4, "--features", 12, "--k", 1]
    # the table names the classes of its labels alone
    called = {int(row["label"]): row["class"] for row in rows}
    for row in json.loads(topcert(*asked, "--label", "predicted", "--json").out):
        assert (row["name"], row["class"]) == (FILES[row["index"]], called.get(row["label"]))


def test_classes_that_are_called_by_dates_or_truths_survive_the_csv(
    photos: Path, topcert: Callable[..., Outcome]
) -> None:
    for old, new in (("bee", "2020-01-01"), ("cat", "true"), ("dog", "x")):
        Path("photos", old).rename(Path("photos", new))
    Path("names.txt").write_text("\n".join(("2020-01-01", "true", "x", "elk", "fox")))
    assert topcert(*RUN, "--out", "o").code == 0
    with Path("o/counts.csv").open(newline="") as file:
        assert [row["class"] for row in csv.DictReader(file)] == [
            "2020-01-01",
            "2020-01-01",
            "true",
            "true",
            "x",
        ]
    assert topcert("verify", "o").code == 0


@pytest.mark.parametrize(
    "file", ["certificates", "counts", "class of counts", "inputs", "class of inputs"]
)
def test_a_name_that_was_changed_is_found(
    photos: Path, topcert: Callable[..., Outcome], file: str
) -> None:
    assert topcert(*RUN, "--out", "o").code == 0
    assert topcert("verify", "o").code == 0
    if file == "certificates":
        _edit("o/certificates.parquet", "name", FILES[1])
    elif file == "inputs":
        _edit("o/ledger/inputs.parquet", "name", FILES[1])
    elif file == "class of inputs":
        path = Path("o/ledger/inputs.parquet")
        table = pq.read_table(path)
        pq.write_table(
            table.replace_schema_metadata({"class_names": '["cat", "bee", "dog", "elk", "fox"]'}),
            path,
        )
    else:
        text = Path("o/counts.csv").read_text()
        old, new = ("bee/10.png", "bee/11.png") if file == "counts" else ('"dog"', '"cat"')
        assert old in text
        Path("o/counts.csv").write_text(text.replace(old, new))
    found = topcert("verify", "o")
    assert found.code in (1, 2)
    assert "name" in found.out + found.err or "has been changed" in found.err


def _edit(path: str, column: str, value: str) -> None:
    table = pq.read_table(path)
    values = [value, *table.column(column).to_pylist()[1:]]
    place = table.column_names.index(column)
    pq.write_table(table.set_column(place, column, pa.array(values)), path)


def test_an_auditor_who_calls_a_class_otherwise_is_told(
    photos: Path, topcert: Callable[..., Outcome]
) -> None:
    assert topcert(*RUN, "--out", "o").code == 0
    path = Path("o/ledger/inputs.parquet")
    pq.write_table(
        pq.read_table(path).replace_schema_metadata(
            {"class_names": '["cat", "bee", "dog", "elk", "fox"]'}
        ),
        path,
    )
    write_results(derive(Ledger.open(Path("o")), ks=[1, 2], alpha=0.001))
    assert topcert("verify", "o").code == 0  # which knows no better
    found = topcert("verify", "o", "--model", MODEL)
    assert found.code == 2
    assert "the folder calls class 0 'cat'" in found.err


def test_a_folder_from_before_names_is_read_resumed_and_verified(
    photos: Path, topcert: Callable[..., Outcome]
) -> None:
    """Release 0.1.0 kept no names, and its fingerprint is of the rows without them."""
    assert topcert(*RUN, "--out", "o").code == 0
    ledger = Ledger.open(Path("o"))
    index, labels, hashes = ledger.read_inputs()
    old = inputs_table(index, labels, hashes)
    manifest = Manifest.read(Path("o/manifest.json"))
    before = replace(manifest, data_fingerprint=fingerprint_inputs(old))
    assert before.data_fingerprint != manifest.data_fingerprint
    votes = [ledger.read_block(block) for block in range(ledger.num_blocks)]
    before.write(Path("o/manifest.json"))
    again = Ledger(Path("o"), before)
    again.write_inputs(old)
    for block, cast in enumerate(votes):
        again.write_block(block, cast.astype(np.int64))
    run = topcert(*RUN, "--out", "o", "--resume")
    assert run.code == 0, run.err
    assert Manifest.read(Path("o/manifest.json")) == before
    assert "name" not in pq.read_table("o/certificates.parquet").column_names
    assert topcert("verify", "o", "--model", MODEL, "--replay", 10).code == 0


def test_data_without_names_gives_the_files_it_always_gave(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    assert (
        topcert("certify", "table.npz", MODEL, "--keep", 4, "--samples", 50, "--out", "o").code == 0
    )
    assert pq.read_table("o/ledger/inputs.parquet").column_names == ["index", "label", "sha256"]
    assert not (pq.read_schema("o/ledger/inputs.parquet").metadata or {}).keys() - {b"ARROW:schema"}
    assert set(pq.read_table("o/certificates.parquet").column_names).isdisjoint({"name", "class"})
    assert Path("o/counts.csv").read_text().splitlines()[0] == '"0","1","2","3","4","label"'


def test_classes_that_are_called_by_their_own_numbers_have_no_names() -> None:
    assert given_names(None, tuple("0123456789")) == Names()
    assert given_names(None, ("0", "2")).classes == ("0", "2")
    assert given_names(("a\udcff.png",), ()).inputs == ("a\\udcff.png",)


def test_an_input_that_the_noise_has_no_place_for_goes_by_its_file(photos: Path) -> None:
    class Refusing:
        batch_size = 1

        def prepare(self, x: np.ndarray) -> None:
            raise ValueError(f"{x.shape} is odd")

    dataset = load_dataset("photos", stride=2)
    unused: Any = SimpleNamespace(rows_device=lambda: None)
    randomizer: Any = Refusing()
    voter = Voter(
        read=dataset.read,
        randomizer=randomizer,
        classifier=unused,
        num_inputs=2,
        in_words=dataset.in_words,
    )
    with pytest.raises(ValueError, match=r"input 2 \(cat/x, y.png\): .4, 3, 3. is odd"):
        voter.check_input(1)


@pytest.mark.pictures
@pytest.mark.parametrize("k", [1, 2])
def test_unlabelled_data_has_shares_of_predictions_and_no_accuracy(
    workplace: Path, topcert: Callable[..., Outcome], k: int
) -> None:
    np.savez("bare.npz", x=np.load("table.npz")["x"])
    run = topcert(
        "certify",
        "bare.npz",
        MODEL,
        "--keep",
        2,
        "--samples",
        400,
        "--k",
        k,
        "--alpha",
        0.1,
        "--out",
        "o",
    )
    assert run.code == 0, run.err
    assert "certified top-k accuracy" not in run.out
    assert "share of inputs whose prediction is certified at r" in run.out
    assert "nothing is said of accuracy" in run.out
    assert (
        "<!-- share of inputs whose prediction is certified at r -->"
        in Path("o/accuracy.svg").read_text()
    )
    made = pq.read_table("o/certificates.parquet").to_pylist()
    firsts = [made[row]["radius"] for row in range(0, len(made), k)]
    with Path("o/accuracy.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            assert int(row["total"]) == 8
            hits = sum(radius is not None and radius >= int(row["radius"]) for radius in firsts)
            assert int(row["certified"]) == hits
            assert row["quantity"] == "share of inputs whose prediction is certified at r"
    assert topcert("verify", "o").code == 0
    assert "nothing is said of accuracy" in topcert("evaluate", "o").out


def test_the_shares_of_unlabelled_data_as_the_release_before_wrote_them_are_read(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    np.savez("bare.npz", x=np.load("table.npz")["x"])
    assert (
        topcert(
            "certify",
            "bare.npz",
            MODEL,
            "--keep",
            2,
            "--samples",
            400,
            "--k",
            2,
            "--alpha",
            0.1,
            "--out",
            "o",
        ).code
        == 0
    )
    radii = [row["radius"] for row in pq.read_table("o/certificates.parquet").to_pylist()]
    longest = max(radius for radius in radii if radius is not None)
    lines = ["k,radius,certified,total,share,quantity"]
    for r in range(longest + 2):
        hits = sum(radius is not None and radius >= r for radius in radii)
        lines.append(f"2,{r},{hits},16,{hits / 16:.6f},share of shown labels certified")
    Path("o/accuracy.csv").write_text("\n".join(lines) + "\n")
    assert topcert("verify", "o").code == 0
    Path("o/accuracy.csv").write_text("\n".join(lines).replace("2,0,", "2,0,1", 1) + "\n")
    assert topcert("verify", "o").code == 1
