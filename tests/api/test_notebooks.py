"""What a notebook shows of each result: well-formed, escaped, and no longer than a screen."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
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
