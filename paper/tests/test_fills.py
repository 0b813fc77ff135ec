"""Lines of the infill comparison: from counts alone, in order, and refused where they were not
measured alike.
"""

from __future__ import annotations

import csv
import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from topcert.evaluation.counts import write_counts
from topcert.methods.certify import certify
from topcert.methods.method import Smoothing
from topcert.methods.registered_methods import find_vote_method
from topcert.noise.ablation import Ablation
from topcert_paper import fills
from topcert_paper.fills import COLUMNS, KS, conditions, measured_lines, write_fills
from topcert_paper.records import Origin, write_origin
from topcert_paper.tables import ALPHA

SAMPLES, CLASSES, INPUTS = 200, 15, 8
ORIGIN = Origin(network="made up", num_samples=SAMPLES)
LABELS = np.arange(INPUTS)


def votes(seed: int, share: float) -> NDArray[np.int64]:
    """Input i gives about `share` of its votes to class i."""
    generator = np.random.default_rng(seed)
    rest = np.full(CLASSES, (1 - share) / CLASSES)
    return np.stack(
        [generator.multinomial(SAMPLES, rest + share * np.eye(CLASSES)[i]) for i in range(INPUTS)]
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, (name, share) in enumerate(
        {"infill-5000": 0.9, "constant-5000": 0.0, "infill-1000": 0.6}.items()
    ):
        write_counts(votes(seed, share), LABELS, tmp_path / f"{name}.csv")
        write_origin(tmp_path, name, ORIGIN)
    return tmp_path


def test_every_line_is_what_its_votes_certify(folder: Path) -> None:
    lines = measured_lines(folder)
    order = [("infill", 1000), ("infill", 5000), ("constant", 5000)]
    assert [(line.k, line.encoding, line.num_kept) for line in lines] == [
        (k, *pair) for k in KS for pair in order
    ]
    for line in lines:
        seed, share = {
            ("infill", 5000): (0, 0.9),
            ("constant", 5000): (1, 0.0),
            ("infill", 1000): (2, 0.6),
        }[line.encoding, line.num_kept]
        counts = votes(seed, share)
        made = certify(
            find_vote_method("ablation"),
            counts,
            smoothing=Smoothing(
                noise=Ablation(num_kept=line.num_kept), unit="pixel", num_features=224 * 224
            ),
            labels=LABELS,
            label_choice="given",
            ks=[line.k],
            alpha=ALPHA,
        )
        for radius in (0, 1, 2, 5, 50):
            hits = int((made.radius >= radius).sum())
            assert line.curve.at(radius) == hits / INPUTS
        ranks = [(row > row[i]).sum() + (row[:i] == row[i]).sum() for i, row in enumerate(counts)]
        assert line.voted == sum(
            rank < line.k and row[i] > 0
            for i, (rank, row) in enumerate(zip(ranks, counts, strict=True))
        )
        assert line.voted >= line.curve.certified[0]
    assert max(line.curve.at(1) for line in lines) == 1


def test_a_label_without_a_vote_is_not_voted_for(tmp_path: Path) -> None:
    counts = np.zeros((2, CLASSES), np.int64)
    counts[:, 3] = SAMPLES
    write_counts(counts, np.array([3, 0]), tmp_path / "infill-1000.csv")
    write_origin(tmp_path, "infill-1000", ORIGIN)
    assert {line.voted for line in measured_lines(tmp_path)} == {1}


def test_the_files_hold_every_line_and_are_made_the_same_again(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fills, "DRAWN_KS", (3, 100))  # of a k that is not there no panel is drawn
    lines = measured_lines(folder)
    paths = write_fills(lines, tmp_path / "out" / "infill")
    assert [path.suffix for path in paths] == [".csv", ".png", ".svg"]
    before = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in write_fills(lines, tmp_path / "out" / "infill")] == before
    with paths[0].open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert tuple(rows[0]) == COLUMNS
    assert len(rows) == sum(len(line.curve.certified) for line in lines)
    assert {row["fill"] for row in rows} == {"infill", "grey"}
    assert (
        "8 images (224 x 224 crops), made up as published, n = 200, alpha = 0.001, seed 0"
        in conditions(lines)
    )


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"num_samples": 300}, "must hold the column `label` and 300 votes of every input"),
        (
            {"seed": 1},
            "was measured on other inputs, or with another n, seed or network, than constant-5000",
        ),
        (
            {"network": "another"},
            "was measured on other inputs, or with another n, seed or network",
        ),
    ],
)
def test_lines_that_were_not_measured_alike_are_refused(
    folder: Path, changed: dict[str, int], message: str
) -> None:
    write_origin(folder, "infill-5000", dataclasses.replace(ORIGIN, **changed))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=message):
        measured_lines(folder)


def test_other_inputs_no_labels_and_odd_names_are_refused(folder: Path, tmp_path: Path) -> None:
    write_counts(votes(0, 0.9), LABELS[::-1].copy(), folder / "infill-5000.csv")
    with pytest.raises(ValueError, match="infill-5000 was measured on other inputs"):
        measured_lines(folder)
    (tmp_path / "odd").mkdir()
    write_counts(votes(0, 0.9), None, folder / "infill-5000.csv")
    with pytest.raises(ValueError, match="must hold the column `label`"):
        measured_lines(folder)
    write_origin(tmp_path / "odd", "mean-5000", ORIGIN)
    with pytest.raises(ValueError, match=r"record\.json names mean-5000, which is no fill and e"):
        measured_lines(tmp_path / "odd")
    with pytest.raises(ValueError, match="has no votes; name the images with --data-dir"):
        measured_lines(tmp_path / "nowhere")
