"""`predict` that stops early: labels from a first sample, each with what its evidence proves at
alpha / k when sampling stops, by the rule or by the clock.
"""

from __future__ import annotations

import csv
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import topcert
from tests.conftest import Outcome
from topcert.randomization.masks import draw_masks
from topcert.theory.stopping_test import StoppingTest
from topcert.voting.time_budget import TimeBudget

X = np.random.default_rng(4).random((6, 12))
WEIGHTS = np.random.default_rng(5).normal(size=(12, 5))
RULE = topcert.Stopping(question="exact", k=2, alpha=0.02, label="shown")


def smoothed(**given: Any) -> topcert.SmoothedClassifier:
    noise = given.pop("noise", topcert.Ablation(num_kept=2))
    return topcert.SmoothedClassifier(lambda batch: batch @ WEIGHTS, noise=noise, **given)


def shown(**given: Any) -> topcert.Predictions:
    asked = {"k": 2, "alpha": 0.02, "num_samples": 400, "seed": 7, "progress": False} | given
    return smoothed().predict(X, **asked)


def test_each_label_has_the_radius_that_its_evidence_proves_where_the_last_label_stops() -> None:
    every = smoothed().vote(X, num_samples=500, seed=7, label_choice="predicted", progress=False)
    # One label alone, at half of alpha: what k = 2 labels have together.
    alone = topcert.Stopping(question="exact", k=2, alpha=0.01)
    space = {"num_features": 12, "num_kept": 2, "num_classes": 5}
    rule = StoppingTest(alone, max_votes=400, batch_size=32, **space)
    found = shown(stop="exact")
    assert found.num_samples is not None
    for row, cast in enumerate(every.ledger.iterate_inputs()):
        first = np.bincount(cast[:100, 0], minlength=5)
        labels = np.argsort(-first, kind="stable")[:2]
        for look in rule.looks:
            counts = np.bincount(cast[100 : 100 + look, 0], minlength=5)[None]
            if all(rule.stops(counts, np.array([label]))[0] for label in labels):
                break
        radii = [int(rule.proven(counts, np.array([label]))[0]) for label in labels]
        assert found.num_samples[row] == look
        assert dict(zip(found.labels[row], found.radii[row], strict=True)) == dict(
            zip(labels, radii, strict=True)
        )
        assert found.votes[row].tolist() == counts[0, found.labels[row]].tolist()
        assert (np.diff(found.votes[row]) <= 0).all()
        assert found.stay[row].tolist() == sorted(radii, reverse=True)
    assert len(set(found.num_samples.tolist())) > 2
    assert {0, 1, 2} <= set(found.radii.reshape(-1).tolist())
    assert found.cut_short is not None
    assert not found.cut_short.any()


def test_located_evidence_is_of_the_masks_of_each_label() -> None:
    every = smoothed().vote(X, num_samples=500, seed=7, label_choice="predicted", progress=False)
    alone = topcert.Stopping(question="exact", k=2, alpha=0.01, method="located")
    rule = StoppingTest(alone, num_features=12, num_kept=2, max_votes=400, batch_size=32)
    found = shown(stop="exact", method="located")
    assert found.method == "located"
    assert found.num_samples is not None
    for row, cast in enumerate(every.ledger.iterate_inputs()):
        stop = 100 + int(found.num_samples[row])
        votes = cast[100:stop, 0]
        kept = draw_masks(seed=7, start=100, stop=stop, num_features=12, num_kept=2)
        counts = np.bincount(votes, minlength=5)[None]
        for label, radius in zip(found.labels[row], found.radii[row], strict=True):
            one = np.array([label])
            met = [
                [int((kept[votes == near] == i).sum()) for i in range(12)]
                for near in rule.near(counts, one)[0].tolist()
            ]
            degrees = np.bincount(kept.reshape(-1), minlength=12)
            left = rule.surviving(counts, one, [np.array(met)], degrees)
            assert rule.proven(counts, one, left)[0] == radius


def test_where_time_runs_out_each_input_has_the_votes_of_the_first_look() -> None:
    found = shown(max_seconds=1e-6, num_samples=None)
    assert found.num_samples is not None
    assert found.cut_short is not None
    assert found.num_samples.tolist() == [32] * 6
    assert found.cut_short.all()
    assert "time ran out before 6 of 6 inputs had all votes" in repr(found)
    some = found[:2]
    assert some.num_samples is not None
    assert some.num_samples.tolist() == [32, 32]
    assert -1 in found.radii
    assert {row[-1] for row in found.rows()} == {"samples", "32"}
    plenty = shown(max_seconds=3600)
    assert plenty.cut_short is not None
    assert not plenty.cut_short.any()
    assert plenty.rows() == shown(stop="exact").rows()


def test_votes_are_begun_where_they_will_be_there_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    budget = TimeBudget(10)
    now = 102.0
    budget.begin()
    now = 106.0  # 40 votes took 4 seconds, 4 are left
    assert budget.allows(40, done=40)
    assert not budget.allows(41, done=40)


def test_time_is_left_for_the_check_after_the_votes(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    budget = TimeBudget(10)
    with budget.checking():
        now = 103.0
    budget.begin()
    now = 105.0  # 20 votes took 2 seconds; 2 are left, and 3 for the check
    assert budget.allows(20, done=20)
    assert not budget.allows(21, done=20)


def test_a_rule_for_labels_that_are_shown_shares_alpha() -> None:
    assert RULE.alpha_of_label == 0.01
    assert RULE.to_text() == "exact; k=2; alpha=0.02; label=shown; rule=evidence-2"
    assert topcert.Stopping.read(RULE.to_text()) == RULE
    assert topcert.Stopping(question="exact", k=2, alpha=0.02).alpha_of_label == 0.02


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"stop": "exact", "out": "o"}, "out keeps a number of votes set beforehand"),
        ({"max_seconds": 1, "out": "o"}, "leave out out, or certify labels that are selected"),
        ({"stop": "soon"}, "stop must be radius=R .*, table or exact, got 'soon'"),
        ({"stop": RULE}, "stop must be a text such as 'radius=5', got a Stopping"),
        ({"stop": "radius=9"}, "stop radius=9: no votes can certify a radius above"),
        ({"stop": "exact", "method": "cohen"}, "use ablation or located"),
        ({"stop": "exact", "k": 5}, r"k must lie in 1 \.\. 4"),
        ({"max_seconds": 0}, "max_seconds must be a positive number of seconds, got 0"),
        ({"max_seconds": "1"}, "max_seconds must be a number, got '1'"),
        ({"max_seconds": float("inf")}, "max_seconds must be a positive number"),
        ({"method": "located"}, "use certify"),  # the votes that choose the labels certify them
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        shown(**given)
    assert not Path("o").exists()


def test_designs_and_certificates_of_one_label_are_refused() -> None:
    design = smoothed(noise=topcert.Ablation(design="lattice:2x3"))
    with pytest.raises(ValueError, match="all masks of a design are the classifier"):
        design.predict(np.random.default_rng(0).random((2, 6, 6, 1)), max_seconds=1)
    with pytest.raises(ValueError, match="which only predict does; use label='given'"):
        smoothed().vote(X, stop=RULE, progress=False)
    three = topcert.SmoothedClassifier(
        lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=2)
    )
    with pytest.raises(ValueError, match=r"there are 3 classes, .* say k 1 with it"):
        three.predict(X, stop="exact", progress=False)


@pytest.mark.parametrize("more", [[], ["--method", "located"], ["--ballot", "2"]])
def test_the_command_shows_the_same(
    workplace: Path, topcert: Callable[..., Outcome], more: list[str]
) -> None:
    from topcert import Ablation, SmoothedClassifier

    command = ["predict", "table.npz", "models_for_tests:linear", "--keep", 2, "--k", 2, *more]
    run = topcert(*command, "--seed", 3, "--stop", "table", "--max-samples", 300)
    assert run.code == 0, run.err
    named = dict(zip(more[::2], more[1::2], strict=True))
    python = SmoothedClassifier(
        "models_for_tests:linear",
        noise=Ablation(num_kept=2),
        num_named=int(named.get("--ballot", 1)),
    ).predict(
        "table.npz",
        k=2,
        seed=3,
        stop="table",
        num_samples=300,
        method=named.get("--method"),
        progress=False,
    )
    assert list(csv.reader(run.out.splitlines())) == python.rows()
    assert "until table is answered for the 2 labels that a first sample of 100 chooses" in run.err
    assert python.stopped_in_words()[0] in run.err
    for wrong in (["--stop", "table", "--samples", 9], ["--max-samples", 9], ["--max-seconds", -1]):
        assert topcert(*command, *wrong).code == 2
