"""`topcert predict` over published masks: it shows what `certify` certifies, for certain."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.cli.test_methods_cli import LABELS, VALUES, lay_out
from tests.conftest import Outcome

MODEL = "brightness_for_tests:model"
DATA = ["images.npz", MODEL]
# 100 pixels: 15 blocks of 6 or 7, or 16 grids of a stride of 4
ASKED: dict[str, list[object]] = {
    "design": ["--design", "stratified", "--keep", 7, "--samples", 40, "--k", 2, "--ballot", 2],
    "fpa": ["--method", "fpa", "--design", "partitions", "--keep", 7, "--samples", 15, "--k", 2],
    "run-off": ["--method", "run-off", "--design", "lattice:4x4", "--ballot", 3],
}


@pytest.fixture(autouse=True)
def pictures(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(workplace)
    np.savez(workplace / "images.npz", x=VALUES, y=LABELS)
    monkeypatch.delitem(sys.modules, "brightness_for_tests", raising=False)
    monkeypatch.setattr("topcert.report.keep_results.draw_results", lambda *_, **__: None)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(text.splitlines()))


@pytest.mark.parametrize("name", list(ASKED))
def test_it_shows_what_certify_certifies(topcert: Callable[..., Outcome], name: str) -> None:
    run = topcert("predict", *DATA, *ASKED[name], "--out", "o")
    assert run.code == 0, run.err
    message = " ".join(run.err.split())
    assert f"published masks of {ASKED[name][ASKED[name].index('--design') + 1]}" in message
    assert "no failure probability" in message
    assert "abstain" not in message
    rows = rows_of(run.out)
    assert Path("o/predictions.csv").read_text() == run.out
    assert {(row["method"], row["alpha"]) for row in rows} == {(name, "0.0")}
    assert {row.get("num_named") for row in rows} == {{"design": "2", "run-off": "3"}.get(name)}
    method = [] if "--method" in ASKED[name] else ["--method", name]
    again = topcert("certify", *DATA, *method, *ASKED[name], "--label", "predicted", "--out", "p")
    assert again.code == 0, again.err
    for file in ("manifest.json", "certificates.parquet", "counts.csv", "accuracy.csv"):
        assert Path("o", file).read_bytes() == Path("p", file).read_bytes(), file
    made = pq.read_table("p/certificates.parquet").to_pylist()
    assert [(int(row["label"]), int(row["radius"])) for row in rows] == [
        (row["label"], row["radius"]) for row in made
    ]
    assert len({row["radius"] for row in rows}) > 1
    assert topcert("verify", "o", "--model", MODEL, "--replay", 10).code == 0
    found = json.loads(topcert("predict", *DATA, *ASKED[name], "--json").out)
    assert (found["method"], found["alpha"], found["seed"]) == (name, 0.0, 0)
    flat = [label["radius"] for one in found["inputs"] for label in one["labels"]]
    assert flat == [int(row["radius"]) for row in rows]
    assert all(one["is_top_k"] for one in found["inputs"])


@pytest.mark.parametrize(
    ("column", "value"),
    [("radius", "+1"), ("alpha", "0.001"), ("method", "ablation"), ("method", "located")],
)
def test_a_changed_cell_is_found(topcert: Callable[..., Outcome], column: str, value: str) -> None:
    assert topcert("predict", *DATA, *ASKED["design"], "--out", "o").code == 0
    path = Path("o/predictions.csv")
    lines = [line.split(",") for line in path.read_text().splitlines()]
    place = lines[0].index(column)
    for line in lines[1:]:
        line[place] = str(int(line[place]) + 1) if value == "+1" else value
    path.write_text("\n".join(map(",".join, lines)) + "\n")
    found = topcert("verify", "o")
    assert found.code == 1
    assert "predictions.csv is not what the votes show" in " ".join(found.out.split())


def test_a_run_goes_on_to_predictions_and_more_inputs_renew_them(
    topcert: Callable[..., Outcome],
) -> None:
    few = ["certify", *DATA, "--method", "design", *ASKED["design"], "--out", "o"]
    assert topcert(*few, "--limit", 3).code == 0
    shown = topcert("predict", *DATA, *ASKED["design"], "--limit", 3, "--out", "o", "--resume")
    assert shown.code == 0, shown.err
    assert len(rows_of(shown.out)) == 6
    assert topcert(*few, "--limit", 5, "--resume").code == 0
    assert len(rows_of(Path("o/predictions.csv").read_text())) == 10
    assert topcert("verify", "o").code == 0


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ([*ASKED["design"], "--alpha", 0.1], "leaves nothing to chance"),
        (["--method", "fpa", "--keep", 7], "the method fpa needs --design"),
        ([*ASKED["fpa"][:-4], "--samples", 30, "--k", 1], "use --samples 15"),
        ([*ASKED["run-off"], "--k", 2], "certifies k = 1 only"),
        (["--method", "located", "--keep", 7], "methods ablation, design, fpa, run-off certify"),
        (["--method", "ablation", *ASKED["design"]], "--design is for the methods"),
        (["--samples", 30], "--keep is needed"),
        (["--design", "stratified"], "--keep is needed"),
        (["--design", "spiral", "--keep", 7], "spiral"),
    ],
)
def test_what_cannot_be_shown_is_refused_in_a_line(
    topcert: Callable[..., Outcome], asked: list[object], says: str
) -> None:
    run = topcert("predict", *DATA, *asked)
    assert run.code == 2
    assert says in " ".join(run.err.split())
    assert len(run.err.strip().splitlines()) == 1
