"""What results give a person: a part of them, a table, a picture, a file."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import topcert
from topcert.sklearn import TopKCertifier

X = np.eye(4, 12)[[0, 1, 2, 0]]
LABELS = [0, 1, 2, 1]
NAMES = ["ant", "bee", "$cat$"]
SMOOTHED = topcert.SmoothedClassifier(
    lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=11), class_names=NAMES
)


@pytest.fixture(scope="module")
def votes() -> topcert.Votes:
    return SMOOTHED.vote(X, LABELS, num_samples=200, progress=False)


@pytest.fixture(scope="module")
def shown() -> topcert.Predictions:
    return SMOOTHED.predict(X, k=2, num_samples=200, seed=0, progress=False)


def test_a_picture_of_votes_counts_inputs_by_what_is_most_voted(votes: topcert.Votes) -> None:
    ax = votes.plot()
    right, wrong = ([bar.get_height() for bar in container] for container in ax.containers)
    assert (sum(right), sum(wrong)) == (3, 1)  # the last input is called what it is not
    shares = votes.counts.max(axis=1) / 200
    filled = {int(place) for place in shares * 20}
    assert {place for place, bars in enumerate(zip(right, wrong, strict=True)) if any(bars)} == (
        filled
    )
    own = Figure().subplots()
    assert votes.plot(own) is own


def test_a_picture_of_one_input_shows_its_classes_most_voted_first(votes: topcert.Votes) -> None:
    ax = votes.plot(row=3)
    names = [label.get_text() for label in ax.get_yticklabels()]
    assert names == ["ant", "bee (true)"]
    widths = [bar.get_width() for bar in ax.containers[0]]
    assert widths == (votes.counts[3][[0, 1]] / 200).tolist()
    assert ax.get_title() == "input 3: 200 votes"
    votes.plot(row=2).figure.draw_without_rendering()  # "$cat$" is no formula
    for row in (4, -1, 1.5):
        with pytest.raises(ValueError, match=r"row must (lie in 0 \.\. 3|be a whole number)"):
            votes.plot(row=row)  # type: ignore[arg-type]


def test_a_slice_of_predictions_is_predictions(shown: topcert.Predictions) -> None:
    some = shown[1:3]
    assert [some[row] for row in range(2)] == [shown[1], shown[2]] == list(some)
    assert shown[-1] == shown[3]
    assert some.rows()[1:] == [row for row in shown.rows() if row[0] in ("1", "2")]
    assert len(shown[:0]) == 0
    with pytest.raises(IndexError):
        shown[4]
    with pytest.raises(ValueError, match="a place among the inputs must be a whole number"):
        shown["a"]  # type: ignore[call-overload]


def test_a_picture_of_predictions_has_a_line_for_each_rank(shown: topcert.Predictions) -> None:
    first, second = shown.plot().get_lines()
    for rank, line in enumerate((first, second)):
        for radius, share in zip(*line.get_data(), strict=True):
            assert share == (shown.radii[:, rank] >= radius).mean()
    assert first.get_ydata()[0] == 1
    with pytest.raises(ValueError, match="there are no predictions to draw"):
        shown[:0].plot()


def test_predictions_are_written_by_suffix(shown: topcert.Predictions, tmp_path: Path) -> None:
    assert shown.save(tmp_path / "a.csv").read_text() == shown.text()
    assert shown.save(tmp_path / "a.png").read_bytes()[:4] == b"\x89PNG"
    with pytest.raises(ValueError, match=r"must end in \.csv, \.png, \.svg, \.pdf"):
        shown.save(tmp_path / "a.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.png"]


def test_an_audit_is_a_table_and_a_file(votes: topcert.Votes, tmp_path: Path) -> None:
    folder = votes.certify(k=1).save(tmp_path / "run")
    good = topcert.verify(folder, progress=False)
    assert good.rows()[0]["kind"] == "good"
    assert {"not checked", "to judge"} <= {row["kind"] for row in good.rows()}
    with good.save(tmp_path / "a.csv").open() as file:
        assert list(csv.DictReader(file)) == good.rows()
    assert good.save(tmp_path / "a.txt").read_text().splitlines()[-1].startswith("good: ")
    with pytest.raises(ValueError, match=r"must end in \.csv or \.txt"):
        good.save(tmp_path / "a.md")
    kept = (folder / "counts.csv").read_text().splitlines(keepends=True)
    (folder / "counts.csv").write_text("".join(kept[:-1]))
    bad = topcert.verify(folder, progress=False)
    assert [row["text"] for row in bad.rows() if row["kind"] == "does not hold"] == [*bad.findings]
    assert bad.findings


@pytest.mark.parametrize(
    ("classes", "named"), [(["no", "yes"], ["no", "yes"]), ([3, 7], ["3", "7"]), ([" ", "a"], None)]
)
def test_certificates_of_an_estimator_name_their_classes(classes: Any, named: Any) -> None:
    x = np.array([[0.0, 0.1], [1.0, 1.1]] * 10)
    y = np.array(classes * 10)
    certifier = TopKCertifier(num_kept=1, copies=2, num_samples=50).fit(x, y)
    rows = certifier.certify(x[:2], y[:2]).rows()
    assert [row["label"] for row in rows] == [0, 1]
    assert [row.get("class") for row in rows] == (named or [None, None])
