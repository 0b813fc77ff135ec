"""The object that a person holds: from arrays in memory to certificates."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import topcert
from topcert.methods.certify import certify
from topcert.methods.method import Smoothing
from topcert.methods.registered_methods import find_vote_method
from topcert.noise.ablation import Ablation

GENERATOR = np.random.default_rng(4)
X = GENERATOR.random((6, 12))
LABELS = np.array([0, 1, 2, 0, 1, 2])
WEIGHTS = GENERATOR.normal(size=(12, 4))


def model(batch: np.ndarray) -> Any:
    return batch @ WEIGHTS


def smoothed(**given: Any) -> topcert.SmoothedClassifier:
    noise = given.pop("noise", topcert.Ablation(num_kept=4))
    return topcert.SmoothedClassifier(given.pop("model", model), noise=noise, **given)


def vote(**given: Any) -> topcert.Votes:
    settings = {"num_samples": 120, "progress": False, "seed": 5} | given
    return smoothed().vote(X, LABELS, **settings)


def test_the_votes_are_those_of_count_votes_under_the_same_seed() -> None:
    counts = topcert.count_votes(
        model, X, noise=topcert.Ablation(num_kept=4), num_samples=120, seed=5
    )
    found = vote()
    assert np.array_equal(found.counts, counts)
    assert np.array_equal(found.labels, LABELS)
    assert (found.num_inputs, found.num_samples, found.num_classes, len(found)) == (6, 120, 4, 6)
    assert "6 inputs, 4 classes, n = 120; e = 4, seed 5; in memory" in repr(found)


def test_certificates_are_those_of_the_method_and_accuracy_counts_them() -> None:
    votes = vote()
    smoothing = Smoothing(noise=Ablation(num_kept=4), unit="column", num_features=12)
    for k, alpha in ((1, 0.001), (2, 0.2)):
        found = votes.certify(k=k, alpha=alpha)
        wanted = certify(
            find_vote_method("ablation"),
            votes.counts,
            smoothing=smoothing,
            labels=LABELS,
            label_choice="given",
            ks=[k],
            alpha=alpha,
        )
        assert np.array_equal(found.radii(), wanted.radius)
        for radius in (0, 1, 2, 50):
            share = (wanted.radius >= radius).mean()
            assert found.accuracy().at(radius) == pytest.approx(share)
            low, high = found.accuracy().interval(radius)
            assert low <= share <= high
    assert votes.certify("located", k=1, progress=False).method == "located"


def test_counts_alone_have_the_certificates_of_their_votes() -> None:
    votes = vote()
    for labels, choice in ((LABELS, "given"), (None, "predicted")):
        found = topcert.certify_counts(
            votes.counts, labels, noise=topcert.Ablation(num_kept=4), num_features=12, k=(1, 2)
        )
        wanted = votes.certify(k=(1, 2), label_choice=choice)
        for k in (1, 2):
            assert np.array_equal(found.radii(k), wanted.radii(k))
    with pytest.raises(ValueError, match="asks under which mask each vote was cast"):
        topcert.certify_counts(
            votes.counts,
            LABELS,
            method="located",
            noise=topcert.Ablation(num_kept=4),
            num_features=12,
        )
    with pytest.raises(ValueError, match="counts must be integers"):
        topcert.certify_counts(
            votes.counts / 2, noise=topcert.Ablation(num_kept=4), num_features=12
        )


def test_several_k_have_a_curve_each() -> None:
    found = vote().certify(k=(1, 3))
    assert found.k == (1, 3)
    assert (found.radii(1) <= found.radii(3)).all()
    with pytest.raises(ValueError, match="say which"):
        found.radii()
    with pytest.raises(ValueError, match="no certificates for k = 2"):
        found.radii(2)
    with pytest.raises(ValueError, match="mean 2 curves"):
        found.accuracy().at(0)
    assert found.accuracy().at(0, k=1) <= found.accuracy().at(0, k=3)


def test_a_run_in_a_folder_is_gone_on_with_and_another_is_refused(tmp_path: Path) -> None:
    first = vote(out=tmp_path / "run")
    asked: list[tuple[str, int, int]] = []
    again = vote(out=tmp_path / "run", progress=lambda *shown: asked.append(shown))
    assert np.array_equal(first.counts, again.counts)
    assert not again.in_memory
    assert ("votes", 720, 720) in asked
    with pytest.raises(ValueError, match="started with seed = 5, this run has 6"):
        vote(out=tmp_path / "run", seed=6)
    with pytest.raises(ValueError, match=r"already holds a run; pass resume=True"):
        vote(out=tmp_path / "run", resume=False)
    assert np.array_equal(topcert.open_votes(tmp_path / "run").counts, first.counts)


def test_votes_in_memory_leave_nothing_behind_and_can_be_kept(tmp_path: Path) -> None:
    votes = vote()
    folder = votes.folder
    found = votes.certify(k=1)
    del votes
    gc.collect()
    assert folder.is_dir()  # the certificates still need it
    with pytest.raises(ValueError, match="in memory; name a folder"):
        found.save()
    kept = found.save(tmp_path / "kept")
    with pytest.raises(ValueError, match="already holds something"):
        found.save(tmp_path / "kept")
    del found
    gc.collect()
    assert not folder.exists()
    checked = topcert.open_votes(kept).verify(model, data=X, labels=LABELS, replay=100)
    assert checked.good
    assert checked.replayed_votes is not None
    assert checked.replayed_votes >= 100
    assert not any("made up, one had" in line for line in checked.not_checked)


def test_a_folder_that_was_changed_or_another_model_does_not_pass(tmp_path: Path) -> None:
    kept = vote().certify(k=1).save(tmp_path / "kept")
    with pytest.raises(ValueError, match="name them with data"):
        topcert.verify(kept, model)
    with pytest.raises(ValueError, match="manifest has model_fingerprint"):
        topcert.verify(kept, lambda batch: batch @ -WEIGHTS, data=X, labels=LABELS)
    accuracy = kept / "accuracy.csv"
    accuracy.write_text(accuracy.read_text().replace("0.0", "0.1"))
    found = topcert.verify(kept)
    assert not found
    assert "accuracy.csv is not the accuracy" in " ".join(found.findings)
    assert "does not hold" in repr(found)


def test_fresh_votes_rule_out_what_was_made_up(tmp_path: Path) -> None:
    kept = vote().certify(k=1).save(tmp_path / "kept")
    found = topcert.verify(
        kept, model, data=X, labels=LABELS, fresh_seed=9, num_samples=200, progress=False
    )
    assert found.good
    with pytest.raises(ValueError, match="fresh_seed 5 is the seed of the run itself"):
        topcert.verify(kept, model, data=X, labels=LABELS, fresh_seed=5, num_samples=200)
    for data, why in ((None, "leave labels out"), ("t.npy", "name of data that is read with its")):
        with pytest.raises(ValueError, match=why):
            topcert.verify(kept, model, data=data, labels=LABELS)


def test_predict_shows_each_label_with_its_radius_or_none() -> None:
    found = smoothed().predict(X, k=2, alpha=0.01, num_samples=300, seed=1, progress=False)
    assert len(found) == 6
    for row, shown in enumerate(found):
        assert len(shown) == 2
        assert shown[0].votes >= shown[1].votes
        assert [one.radius for one in shown] == [
            None if radius == topcert.ABSTAIN else radius for radius in found.radii[row].tolist()
        ]
    assert any(one.radius is None for shown in found for one in shown)
    fresh = [
        smoothed().predict(X, k=2, num_samples=300, progress=False).votes.tolist() for _ in range(2)
    ]
    assert fresh[0] != fresh[1]


def test_predict_shows_the_vote_over_published_masks() -> None:
    asked = smoothed(noise=topcert.Ablation(num_kept=4, design="random"))
    found = asked.predict(X, k=2, num_samples=40, progress=False)
    again = asked.predict(X, k=2, num_samples=40, progress=False)
    certified = asked.vote(X, num_samples=40, progress=False).certify(k=2)
    assert found.votes.tolist() == again.votes.tolist()
    assert (found.alpha, found.method, certified.label_choice) == (0.0, "design", "predicted")
    assert found.radii.reshape(-1).tolist() == certified.table.radius.tolist()
    assert (found.radii >= 0).all()


def test_what_cannot_be_predicted_is_said_before_any_vote() -> None:
    asked: list[int] = []

    def counting(batch: np.ndarray) -> Any:
        asked.append(len(batch))
        return model(batch)

    designed = topcert.Ablation(num_kept=4, design="random")
    with pytest.raises(ValueError, match="predict is for the noise ablation"):
        smoothed(model=counting, noise=topcert.Gaussian(sigma=0.5)).predict(X)
    with pytest.raises(ValueError, match="design leaves nothing to chance"):
        smoothed(model=counting, noise=designed).predict(X, alpha=0.01)
    with pytest.raises(ValueError, match="fpa needs design partitions or"):
        smoothed(model=counting, noise=designed).predict(X, method="fpa")
    with pytest.raises(ValueError, match="predict shows what the methods ablation, design"):
        smoothed(model=counting).predict(X, method="located")
    with pytest.raises(ValueError, match=r"k must lie in 1 .. 3"):
        smoothed(model=counting).predict(X, k=4)
    assert sum(asked) < 100  # the model was tried, and no more


def test_a_stopping_rule_has_certificates_for_what_it_asked() -> None:
    rule = topcert.Stopping(question="radius=1", k=1, alpha=0.01)
    votes = vote(stop=rule, num_samples=300)
    found = votes.certify()
    assert (found.k, found.alpha, found.table.bounds) == ((1,), 0.01, "anytime")
    assert all(row["votes"] <= 300 for row in found.rows())
    with pytest.raises(ValueError, match="a stopping rule for k 1, got 2; leave k out"):
        votes.certify(k=2)


def test_errors_name_the_arguments_of_python() -> None:
    for given, message in (
        ({"num_samples": 0}, "num_samples must be at least 1, got 0"),
        ({"seed": -1}, r"seed must lie in 0 .. 2\^64 - 1, got -1"),
        ({"label_choice": "best"}, "label_choice must be given, predicted or selected"),
    ):
        with pytest.raises(ValueError, match=message):
            vote(**given)
    with pytest.raises(ValueError, match=r"k must lie in 1 .. 3, one less than the 4 classes"):
        vote().certify(k=4)
    with pytest.raises(ValueError, match="batch_size must be at least 1, got 0"):
        smoothed(batch_size=0).vote(X, LABELS, num_samples=10)
    with pytest.raises(ValueError, match=r"noise must be a topcert\.Ablation"):
        smoothed(noise=50)
    with pytest.raises(ValueError, match=r"given labels|given needs labels"):
        smoothed().vote(X, num_samples=30, progress=False).certify(label_choice="given")


def test_a_model_that_looks_at_its_batch_is_refused_before_anything_is_kept(
    tmp_path: Path,
) -> None:
    def coupled(batch: np.ndarray) -> Any:
        return (batch - batch.mean(axis=0)) @ WEIGHTS

    with pytest.raises(ValueError, match="rows"):
        smoothed(model=coupled).vote(X, LABELS, num_samples=60, out=tmp_path / "run")
    assert not list((tmp_path / "run").rglob("block-*"))


def test_a_module_that_remembers_is_found_by_its_copy() -> None:
    class Remembering:
        """Answers by the first mask that it saw."""

        def __init__(self) -> None:
            self.first: dict[bytes, float] = {}

        def __call__(self, batch: np.ndarray) -> Any:
            masks = [(row == -1).tobytes() for row in batch]
            values = [
                self.first.setdefault(mask, float(row.sum()))
                for mask, row in zip(masks, batch, strict=True)
            ]
            return np.stack([np.sin(np.array(values) * scale) for scale in (7, 13, 29)], axis=1)

    with pytest.raises(ValueError, match="another answer"):
        smoothed(model=Remembering()).vote(X, LABELS, num_samples=60, progress=False)


def test_several_runs_stand_in_one_table() -> None:
    votes = vote()
    both = topcert.compare(
        [votes.certify(k=1, alpha=alpha) for alpha in (0.3, 0.001)], names=["bold", "careful"]
    )
    assert both.at(0, name="careful") <= both.at(0, name="bold")
    markdown = both.to_markdown([0, 1]).splitlines()
    assert markdown[0] == "| run | k | r = 0 | r = 1 |"
    assert markdown[2].startswith("| bold | 1 | ")
    assert both.to_latex([0]).count(r"\\") == 3
    assert both.to_csv().splitlines()[0] == "run,k,radius,certified,total,share,lower,upper"
    with pytest.raises(ValueError, match="two runs have one name"):
        topcert.compare([votes.certify(k=1)] * 2, names=["same", "same"])
    with pytest.raises(ValueError, match="nothing to compare"):
        topcert.compare([])


@pytest.mark.parametrize("suffix", [".csv", ".md", ".tex", ".png", ".svg"])
def test_an_accuracy_is_saved_by_its_suffix(tmp_path: Path, suffix: str) -> None:
    path = vote().certify(k=1).accuracy().save(tmp_path / f"accuracy{suffix}")
    assert path.stat().st_size > 50
    with pytest.raises(ValueError, match="must end in"):
        vote().certify(k=1).accuracy().save(tmp_path / "accuracy.xlsx")


def test_a_plan_says_what_can_be_certified() -> None:
    found = topcert.plan(num_features=12, num_kept=4, num_classes=4, k=(1, 2), num_samples=1000)
    assert found.largest_radius(1) == max(row["radius"] for row in found.rows() if row["k"] == 1)
    assert "k = 2: the largest radius that can ever be certified is" in repr(found)
    nothing = topcert.plan(num_features=12, num_kept=4, num_classes=4, num_samples=1)
    assert nothing.largest_radius() is None
    assert nothing.rows() == []
    with pytest.raises(ValueError, match="num_samples must be at least 1"):
        topcert.plan(num_features=12, num_kept=4, num_classes=4, num_samples=0)
