"""What a notebook shows of each result: well-formed, escaped, and no longer than a screen."""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import topcert

X = np.random.default_rng(0).random((30, 12))
NAMES = ["a <b>", "c & d", "e"]


def results() -> dict[str, Any]:
    smoothed = topcert.SmoothedClassifier(
        lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=6), class_names=NAMES
    )
    votes = smoothed.vote(X, ["a <b>", "c & d", "e"] * 10, num_samples=60, progress=False)
    found = votes.certify(k=2)
    return {
        "votes": votes,
        "certificates": found,
        "accuracy": found.accuracy(),
        "predictions": smoothed.predict(X, k=2, num_samples=60, progress=False),
        "verification": verified(votes),
        "plan": topcert.plan(num_features=12, num_kept=6, num_classes=3, num_samples=60),
        "tuned": topcert.tune(
            smoothed,
            X,
            ["a <b>", "c & d", "e"] * 10,
            k=1,
            radius=0,
            num_samples=60,
            noises=[topcert.Ablation(num_kept=6)],
            progress=False,
        ),
    }


def verified(votes: topcert.Votes) -> topcert.Verification:
    """An audit of the same votes in a folder."""
    with TemporaryDirectory() as folder:
        votes.certify(k=2).save(Path(folder) / "kept")
        return topcert.verify(Path(folder) / "kept", progress=False)


def test_each_result_is_shown_as_a_table() -> None:
    rows = {}
    for name, result in results().items():
        shown = ElementTree.fromstring(f"<div>{result._repr_html_()}</div>")
        table = shown.find("table")
        assert table is not None, name
        assert table.findtext("caption"), name
        heads = table.findall("thead/tr/th")
        rows[name] = table.findall("tbody/tr")
        assert rows[name], name
        assert all(len(row.findall("td")) == len(heads) for row in rows[name]), name
        text = "".join(shown.itertext())
        if name == "votes":
            assert "a <b>" in text
        if name in ("votes", "certificates"):
            assert len(rows[name]) == 20
            assert "... and 10 more" in text
    assert len(rows["predictions"]) == 40  # of 20 inputs
    assert len(rows["tuned"]) == 1


@pytest.mark.parametrize("most", [1, 5])
def test_no_more_than_there_is(most: int) -> None:
    from topcert.html_tables import html_table

    made = html_table(["n"], [[1], [2]], caption="two", most=most)
    assert ("and 1 more" in made) == (most == 1)


class Shown:
    """What a notebook was given to display, each with all that was drawn in its place."""

    def __init__(self) -> None:
        self.places: list[list[dict[str, str]]] = []

    def display(self, data: dict[str, str], *, raw: bool, display_id: bool) -> Any:
        assert raw
        assert display_id
        place = [data]
        self.places.append(place)

        def update(again: dict[str, str], *, raw: bool) -> None:
            assert raw
            place.append(again)

        return SimpleNamespace(update=update)


@pytest.fixture
def notebook(monkeypatch: pytest.MonkeyPatch) -> Shown:
    """As within a cell, with nothing but IPython at hand."""
    shown = Shown()
    monkeypatch.setattr("rich.console._is_jupyter", lambda: True)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shown))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=shown.display))
    return shown


def test_a_bar_is_drawn_in_its_place_without_widgets(notebook: Shown) -> None:
    smoothed = topcert.SmoothedClassifier(
        lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=6)
    )
    smoothed.vote(X[:4], num_samples=100, label_choice="predicted")
    (votes,) = notebook.places  # inputs that were read are drawn over by votes
    assert votes[0]["text/plain"].startswith("read: ")
    last = votes[-1]
    assert "votes: 400 of 400 passes" in last["text/plain"]
    drawn = ElementTree.fromstring(f"<div>{last['text/html']}</div>")
    bar = drawn.find("progress")
    assert bar is not None
    assert (bar.get("value"), bar.get("max")) == ("400", "400")
    smoothed.vote(X[:4], num_samples=100, label_choice="predicted", progress=False)
    assert len(notebook.places) == 1


def test_a_plot_stands_below_its_cell_and_a_saved_picture_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from matplotlib import pyplot

    pyplot.switch_backend("agg")
    monkeypatch.setattr("topcert.evaluation.plotting._in_ipython", lambda: True)
    smoothed = topcert.SmoothedClassifier(
        lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=6)
    )
    found = smoothed.vote(X[:4], [0, 1, 2, 0], num_samples=100, progress=False).certify(k=1)
    before = pyplot.get_fignums()
    found.accuracy().save(tmp_path / "curve.png")
    assert pyplot.get_fignums() == before
    axes = found.plot()
    try:
        assert axes.figure.number not in before
        assert axes.figure.number in pyplot.get_fignums()
    finally:
        pyplot.close(axes.figure)
    figure, mine = pyplot.subplots()
    assert found.plot(mine) is mine
    pyplot.close(figure)
