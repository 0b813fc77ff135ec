"""Appendix C's table and figure: from the votes alone, the paper's numbers beside ModelNet40's
only.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from topcert.methods.certify import certify
from topcert.methods.method import Smoothing
from topcert.methods.registered_methods import find_vote_method
from topcert.noise.ablation import Ablation
from topcert_paper.points import KS, POINT_DATA, RADII, point_request, read_curves, write_points
from topcert_paper.records import Counted, Origin, write_counted

SAMPLES, INPUTS = 10_000, 30


@pytest.fixture
def counted() -> Counted:
    generator = np.random.default_rng(0)
    shares = generator.dirichlet(np.full(6, 0.1), INPUTS)
    counts = np.stack([generator.multinomial(SAMPLES, share) for share in shares])
    selection = np.stack([generator.multinomial(100, share) for share in shares])
    labels = np.where(generator.random(INPUTS) < 0.8, counts.argmax(axis=1), 0)
    origin = Origin(
        network="made up", num_samples=SAMPLES, num_selection=100, epochs=7, multiply_adds=9_900_000
    )
    return Counted(counts=counts, selection=selection, labels=labels, origin=origin)


@pytest.mark.parametrize("name", sorted(POINT_DATA))
def test_table_and_figure_say_what_follows_from_the_votes(
    tmp_path: Path, counted: Counted, name: str
) -> None:
    data = POINT_DATA[name]
    write_counted(tmp_path / "counts", name, counted)
    made = read_curves(data, tmp_path / "counts")
    paths = write_points(made, tmp_path / "out" / f"points-{name}")
    assert [path.name.removeprefix(f"points-{name}") for path in paths] == [
        ".csv",
        ".md",
        "-curves.csv",
        ".png",
        ".svg",
    ]
    smoothing = Smoothing(noise=Ablation(num_kept=16), unit="point", num_features=2048, channels=3)
    with paths[0].open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [(row["k"], row["radius"]) for row in rows] == [
        (str(k), str(r)) for k in KS for r in RADII
    ]
    certified = 0
    for row in rows:
        hits = 0
        for place in range(INPUTS):  # one by one
            alone = certify(
                find_vote_method("ablation"),
                counted.counts[place : place + 1],
                smoothing=smoothing,
                labels=counted.labels[place : place + 1],
                label_choice="given",
                ks=[int(row["k"])],
                alpha=0.001,
            )
            hits += int(alone.radius[0] >= int(row["radius"]))
        assert (int(row["certified"]), int(row["total"])) == (hits, INPUTS)
        assert row["ours"] == f"0.{hits * 1000 // INPUTS:03d}"
        certified += hits
    assert certified > 0
    text = paths[1].read_text(encoding="utf-8")
    figure = paths[4].read_text(encoding="utf-8")
    if name == "modelnet40":
        assert [row["paper"] for row in rows[:5]] == ["0.779", "0.743", "0.700", "0.649", "0.570"]
        assert "(0.570)" in text
        assert "the paper, k = 3" in figure
    else:
        assert {row["paper"] for row in rows} == {""}
        assert "(0." not in text
        assert "the paper" not in figure
        assert "a generated set of surfaces, not on ModelNet40" in text
        assert "a generated set of surfaces" in figure
    assert (
        f"{INPUTS} test inputs, made up (9.9 M multiply-adds), trained for 7 epochs, e = 16 of"
        " 2,048 points" in text
    )


def test_the_paper_is_copied_right() -> None:
    for shares in POINT_DATA["modelnet40"].paper.values():
        assert len(shares) == len(RADII)
        assert sorted(shares, reverse=True) == list(shares)
    top_1, top_3 = (POINT_DATA["modelnet40"].paper[k] for k in KS)
    assert all(few < many for few, many in zip(top_1, top_3, strict=True))
    assert POINT_DATA["surfaces"].paper == {}


def test_radius_50_can_be_reached_with_all_votes(tmp_path: Path, counted: Counted) -> None:
    """d = 2,048, because at d = 1,024 not even unanimous votes reach it."""
    counts = np.zeros_like(counted.counts)
    counts[:, 2] = SAMPLES
    labels = np.full(INPUTS, 2)
    best = Counted(counts=counts, selection=counts // 100, labels=labels, origin=counted.origin)
    write_counted(tmp_path, "surfaces", best)
    made = read_curves(POINT_DATA["surfaces"], tmp_path)
    assert all(curve.at(50) == 1 for curve in made.curves)
    half = Smoothing(noise=Ablation(num_kept=16), unit="point", num_features=1024, channels=3)
    radius = certify(
        find_vote_method("ablation"),
        counts,
        smoothing=half,
        labels=labels,
        label_choice="given",
        ks=[1],
        alpha=0.001,
    ).radius
    assert radius.max() < 50


def test_what_was_not_measured_is_not_made_up(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no vote counts of modelnet40"):
        read_curves(POINT_DATA["modelnet40"], tmp_path)


def test_the_request_is_the_papers(tmp_path: Path) -> None:
    request = point_request(
        POINT_DATA["modelnet40"],
        tmp_path / "n.onnx",
        data_dir=tmp_path,
        num_samples=10_000,
        limit=None,
        device="cpu",
    )
    assert (request.noise, request.num_samples, request.data, request.reading.limit) == (
        Ablation(num_kept=16),
        10_000,
        "modelnet40",
        None,
    )
