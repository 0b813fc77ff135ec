"""Figures from counts: every line is its own certificate's, and counts that cannot be one growing
sample are refused.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from topcert.evaluation.counts import read_counts, write_counts
from topcert.theory.certified_radius import certified_radius
from topcert.theory.confidence import simultaneous_bounds
from topcert_paper.drawing import COLUMNS, Measured, conditions, write_figure
from topcert_paper.figures import CIFAR10, FIGURES, IMAGENET, PaperFigure, measured_lines
from topcert_paper.prefixes import PrefixCounts, prefix_sizes, read_prefixes, write_prefixes
from topcert_paper.records import Origin

SAMPLES, INPUTS = 2_000, 12


def votes(seed: int, *, classes: int = 10, labels: NDArray[np.int64] | None = None) -> PrefixCounts:
    """One growing sample an input, of which some are all but unanimous for the label."""
    generator = np.random.default_rng(seed)
    truth = generator.integers(0, classes, INPUTS) if labels is None else labels
    counts = {size: np.zeros((INPUTS, classes), np.int64) for size in prefix_sizes(SAMPLES)}
    for row, label in enumerate(truth):
        share = np.full(classes, 0.25 * generator.random() / classes)
        share[label] += 1 - share.sum()
        drawn = generator.choice(classes, SAMPLES, p=share)
        for size in counts:
            counts[size][row] = np.bincount(drawn[:size], minlength=classes)
    return PrefixCounts(
        counts=counts, labels=truth, origin=Origin(network="made up", num_samples=SAMPLES)
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Votes for both panels."""
    for data, classes in ((CIFAR10, 10), (IMAGENET, 20)):
        labels = np.arange(INPUTS) % classes
        for seed, num_kept in enumerate(data.kepts):
            write_prefixes(
                tmp_path, data.record_name(num_kept), votes(seed, classes=classes, labels=labels)
            )
    return tmp_path


def test_prefixes_are_a_hundredth_a_tenth_and_all() -> None:
    assert prefix_sizes(100_000) == (1_000, 10_000, 100_000)
    assert prefix_sizes(30) == (1, 3, 30)
    assert prefix_sizes(1) == (1,)


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: figure.name)
@pytest.mark.parametrize(
    ("data", "num_features"), [(CIFAR10, 1024), (IMAGENET, 224 * 224)], ids=["cifar10", "imagenet"]
)
def test_every_line_is_that_of_its_own_numbers(
    folder: Path, figure: PaperFigure, data: object, num_features: int
) -> None:
    assert data in (CIFAR10, IMAGENET)
    panel = CIFAR10 if data is CIFAR10 else IMAGENET
    lines = measured_lines(figure, panel, folder)
    assert [line.point.of(figure.varied) for line in lines] == {
        ("k", "cifar10"): ["1", "2", "3"],
        ("k", "imagenet"): ["1", "3", "5", "10"],
        ("e", "cifar10"): ["50", "100", "200"],
        ("e", "imagenet"): ["500", "1000", "2000"],
        ("n", panel.name): ["20", "200", "2000"],
        ("alpha", panel.name): ["0.01", "0.001", "0.0001"],
    }[figure.varied, panel.name]
    for line in lines:
        point = line.point
        assert figure.varied == "k" or point.k == 3
        assert figure.varied == "e" or point.num_kept == panel.default_kept
        assert figure.varied == "n" or point.num_samples == SAMPLES
        assert figure.varied == "alpha" or point.alpha == 0.001
        name = f"{panel.record_name(point.num_kept)}.n{point.num_samples}.csv"
        counts, labels = read_counts(folder / name)
        lower, upper = simultaneous_bounds(counts, alpha=point.alpha, labels=labels)
        radius = certified_radius(
            lower, upper, labels, k=point.k, num_features=num_features, num_kept=point.num_kept
        )
        assert line.curve.total == INPUTS
        assert line.curve.certified.tolist() == [
            (radius >= r).sum() for r in range(max(radius.max(), -1) + 2)
        ]
    assert any(line.curve.certified[0] for line in lines)


def test_an_abstention_is_no_radius_0(tmp_path: Path) -> None:
    """Votes spread evenly over ten classes name no top 3, so such an input is certified at no
    radius at all.
    """
    labels = np.arange(10)
    even = {size: np.full((10, 10), size // 10) for size in prefix_sizes(SAMPLES)}
    origin = Origin(network="made up", num_samples=SAMPLES)
    write_prefixes(tmp_path, "ablation-50", PrefixCounts(counts=even, labels=labels, origin=origin))
    lines = measured_lines(FIGURES[3], CIFAR10, tmp_path)
    assert [line.curve.certified.tolist() for line in lines] == [[0]] * 3
    table, *_ = write_figure(
        FIGURES[3], [Measured(data=CIFAR10, lines=lines)], tmp_path / "f", note=""
    )
    assert (
        "figure4,cifar10,0.01,3,50,2000,0.01,0,0,10,0.000,made up,0"
        in table.read_text(encoding="utf-8").splitlines()
    )
    one = {size: counted.copy() for size, counted in even.items()}
    for size, counted in one.items():
        counted[4] = np.eye(10, dtype=np.int64)[4] * size
    write_prefixes(tmp_path, "ablation-50", PrefixCounts(counts=one, labels=labels, origin=origin))
    assert {line.curve.certified[0] for line in measured_lines(FIGURES[3], CIFAR10, tmp_path)} == {
        1
    }


def test_the_three_forms_and_the_same_bytes_again(folder: Path, tmp_path: Path) -> None:
    for figure in FIGURES[1:3]:
        panels = [
            Measured(data=data, lines=measured_lines(figure, data, folder))
            for data in (CIFAR10, IMAGENET)
        ]
        made = write_figure(figure, panels, tmp_path / "a" / figure.name, note="")
        again = write_figure(figure, panels, tmp_path / "b" / figure.name, note="")
        assert [path.name for path in made] == [
            f"{figure.name}.{suffix}" for suffix in ("csv", "png", "svg")
        ]
        assert [path.read_bytes() for path in made] == [path.read_bytes() for path in again]
        with made[0].open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        assert tuple(rows[0]) == COLUMNS
        assert len(rows) == sum(
            len(line.curve.certified) for panel in panels for line in panel.lines
        )
        for row in rows:
            hits, total = int(row["certified"]), int(row["total"])
            assert row["accuracy"] == f"{hits // total}.{hits * 1000 // total % 1000:03d}"
            assert row["series"] == row[figure.varied]


def test_conditions_name_what_does_not_vary(folder: Path) -> None:
    measured = Measured(data=CIFAR10, lines=measured_lines(FIGURES[1], CIFAR10, folder))
    message = conditions(FIGURES[1], measured)
    assert (
        message == "CIFAR-10, 12 images, network made up\nk = 3, n = 2,000, alpha = 0.001, seed 0"
    )


def test_what_was_not_measured_has_no_line(folder: Path, tmp_path: Path) -> None:
    assert measured_lines(FIGURES[0], CIFAR10, tmp_path / "empty") == []
    for path in folder.glob("ablation-100.*"):
        path.unlink()
    assert [line.point.num_kept for line in measured_lines(FIGURES[1], CIFAR10, folder)] == [
        50,
        200,
    ]


def change(
    path: Path, alter: Callable[[NDArray[np.int64]], None], labels: NDArray[np.int64] | None = None
) -> None:
    counts, same = read_counts(path)
    alter(counts)
    write_counts(counts, same if labels is None else labels, path)


def take_a_vote(counts: NDArray[np.int64]) -> None:
    counts[3, counts[3].argmax()] -= 1


def swap_an_input(counts: NDArray[np.int64]) -> None:
    counts[3] = np.roll(counts[3], 1)


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (
            lambda f: change(f / "ablation-50.n20.csv", take_a_vote),
            "of input 3 sum to 19, not to n = 20",
        ),
        (
            lambda f: change(f / "ablation-50.n2000.csv", take_a_vote),
            "of input 3 sum to 1999, not to n = 2000",
        ),
        (
            lambda f: change(f / "ablation-50.n200.csv", swap_an_input),
            "input 3 has .* fewer than the .* among its first 20;",
        ),
        (lambda f: (f / "ablation-50.n200.csv").unlink(), "is not a file"),
        (
            lambda f: change(
                f / "ablation-50.n200.csv", lambda _: None, np.zeros(INPUTS, np.int64)
            ),
            "must hold the column `label`",
        ),
        (lambda f: (f / "record.json").write_text("{", encoding="utf-8"), "record.json is damaged"),
    ],
)
def test_counts_that_are_not_one_growing_sample_are_refused(
    folder: Path, damage: Callable[[Path], object], says: str
) -> None:
    damage(folder)
    with pytest.raises(ValueError, match=says) as caught:
        measured_lines(FIGURES[2], CIFAR10, folder)
    assert "\n" not in str(caught.value)


def test_lines_that_were_not_measured_alike_are_refused(folder: Path) -> None:
    kept = read_prefixes(folder, "ablation-100")
    assert kept is not None
    write_prefixes(folder, "ablation-100", replace(kept, origin=replace(kept.origin, seed=1)))
    with pytest.raises(ValueError, match="has seed = 0 at e = 50 and 1 at e = 100"):
        measured_lines(FIGURES[1], CIFAR10, folder)
    write_prefixes(folder, "ablation-100", votes(1))
    with pytest.raises(ValueError, match="other inputs at e = 100"):
        measured_lines(FIGURES[1], CIFAR10, folder)


def test_a_network_of_few_classes_is_drawn_for_the_k_that_it_has(tmp_path: Path) -> None:
    labels = np.arange(INPUTS) % 5
    write_prefixes(tmp_path, IMAGENET.record_name(1000), votes(0, classes=5, labels=labels))
    assert [line.point.k for line in measured_lines(FIGURES[0], IMAGENET, tmp_path)] == [1, 3]


def test_a_network_of_three_classes_has_no_figure(tmp_path: Path) -> None:
    labels = np.arange(INPUTS) % 3
    write_prefixes(tmp_path, IMAGENET.record_name(1000), votes(0, classes=3, labels=labels))
    with pytest.raises(ValueError, match="k = 3, and the network has 3 classes"):
        measured_lines(FIGURES[3], IMAGENET, tmp_path)
