"""Methods on ballots: which certify them, by what, and what a plan says of them."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from topcert.methods.certify import certify, most_voted
from topcert.methods.method import Smoothing
from topcert.methods.planning import Setting, best_counts, best_radii
from topcert.methods.registered_methods import all_methods, find_sampled_method, find_vote_method
from topcert.noise.ablation import Ablation
from topcert.noise.gaussian import Gaussian
from topcert.theory.certified_radius import certified_radius
from topcert.theory.confidence import simultaneous_bounds
from topcert.theory.intersection import intersection_union_bounds

SPACE = {"num_features": 64, "num_kept": 4}
NOISES = {"ablation": Ablation(num_kept=4), "gaussian": Gaussian(sigma=0.5)}


def smoothing(named: int, noise: str = "ablation") -> Smoothing:
    return Smoothing(noise=NOISES[noise], unit="pixel", num_features=64, num_named=named)


def counts_of(classes: int, named: int, *, votes: int = 500, inputs: int = 20) -> np.ndarray:
    """Counts of random ballots, whose lower labels are the likelier ones."""
    generator = np.random.default_rng(classes)
    out = np.zeros((inputs, classes), np.int64)
    for row in range(inputs):
        scores = generator.gumbel(size=(votes, classes)) - np.arange(classes) * generator.random()
        np.add.at(out[row], np.argsort(-scores, axis=1)[:, :named].ravel(), 1)
    return out


@pytest.mark.parametrize("bounds", ["simuem", "intersection-union"])
@pytest.mark.parametrize(("classes", "named"), [(5, 2), (5, 4), (8, 3)])
def test_ablation_is_theorem_1_with_ballots_on_bounds_of_ballots(
    classes: int, named: int, bounds: str
) -> None:
    counts, ks = counts_of(classes, named), [1, 3]
    asked = {"smoothing": smoothing(named), "ks": ks, "alpha": 0.01, "bounds": bounds}
    for choice in ("given", "predicted"):
        labels = counts.argmax(axis=1) if choice == "given" else None
        made = certify(
            find_vote_method("ablation"), counts, labels=labels, label_choice=choice, **asked
        )  # type: ignore[arg-type]
        if bounds == "simuem":
            lower, upper = simultaneous_bounds(counts, alpha=0.01, labels=labels, num_named=named)
        else:
            lower, upper = intersection_union_bounds(
                counts, alpha=0.01, labels=labels, num_named=named, k=3
            )
        shown = most_voted(counts, 3)
        expected = [
            certified_radius(
                lower[[row]], upper[[row]], shown[row, [rank]], k=k, num_named=named, **SPACE
            )[0]
            for row in range(len(counts))
            for k in ks
            for rank in range(1 if choice == "given" else k)
        ]
        assert made.radius.tolist() == expected
        assert made.radius.max() > 0


def test_every_method_certifies_ballots_or_names_those_that_do() -> None:
    certifying = {"ablation"} | {name for name, method in all_methods().items() if method.ballots}
    assert {"cohen", "jia-2020", "lee", "levine-feizi", "chiang"}.isdisjoint(certifying)
    counts = counts_of(5, 2)
    for name, noise in (
        ("levine-feizi", "ablation"),
        ("cohen", "gaussian"),
        ("jia-2020", "gaussian"),
    ):
        asked = {
            "labels": np.zeros(20, np.int64),
            "label_choice": "given",
            "ks": [1],
            "alpha": 0.01,
        }
        with pytest.raises(
            ValueError,
            match=rf"the method {name} certifies votes that name one label each, got ballots of 2",
        ):
            certify(find_vote_method(name), counts, smoothing=smoothing(2, noise), **asked)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"--ballot 1, or use --method ablation"):
            best_radii(
                find_sampled_method(name),
                smoothing=smoothing(2, noise),
                num_classes=5,
                num_samples=500,
                ks=[1],
                alpha=0.01,
            )


@pytest.mark.parametrize(
    ("classes", "named", "votes"),
    [(4, 2, 6), (4, 2, 9), (4, 3, 6), (5, 2, 5), (5, 3, 6), (5, 4, 5)],
)
def test_no_ballots_have_a_larger_radius_than_the_best(
    classes: int, named: int, votes: int
) -> None:
    left = (named - 1) * votes
    rest = [
        way for way in itertools.product(range(votes + 1), repeat=classes - 1) if sum(way) == left
    ]
    every = np.array([(votes, *way) for way in rest])
    labels = np.zeros(len(every), np.int64)
    for alpha, k in itertools.product((0.2, 0.5), range(1, classes)):
        asked = {"num_classes": classes, "num_samples": votes, "alpha": alpha}
        plan = Setting(k=k, num_named=named, **asked, **SPACE)  # type: ignore[arg-type]
        made = certify(
            find_vote_method("ablation"),
            every,
            smoothing=smoothing(named),
            labels=labels,
            label_choice="given",
            ks=[k],
            alpha=alpha,
        )
        assert plan.largest_radius() == made.radius.max()
        best = best_radii(find_vote_method("ablation"), smoothing=smoothing(named), ks=[k], **asked)  # type: ignore[arg-type]
        assert best == {k: made.radius.max()}


def test_the_best_counts_are_counts_of_ballots() -> None:
    for classes, named, k in [(4, 3, 2), (10, 3, 3), (1000, 10, 10)]:
        found = best_counts(1000, num_classes=classes, k=k, num_named=named)
        assert (found.sum(axis=1) == 1000 * named).all()
        assert found.max() == found[0, 0] == 1000
        assert len(found) <= 2 * named * (k + 1)
    assert best_counts(1000, num_classes=4, k=3, num_named=1).tolist() == [[1000, 0, 0, 0]]


@pytest.mark.parametrize("rest", ["even", "one"])
@pytest.mark.parametrize(("k", "named"), [(1, 2), (3, 2), (3, 3)])
def test_a_plan_names_the_fewest_votes_that_must_name_a_label(
    k: int, named: int, rest: str
) -> None:
    plan = Setting(
        num_features=64,
        num_kept=4,
        num_classes=10,
        k=k,
        num_samples=300,
        alpha=0.001,
        num_named=named,
    )
    reach = plan.radius(np.arange(301), rest)  # type: ignore[arg-type]
    assert (np.diff(reach) >= 0).all()
    needed = plan.votes_needed(np.arange(plan.largest_radius() + 1), rest)  # type: ignore[arg-type]
    assert needed.tolist() == [
        int((reach >= r).argmax()) if (reach >= r).any() else 301
        for r in range(plan.largest_radius() + 1)
    ]


def test_a_plan_agrees_with_certificates_of_such_counts() -> None:
    plan = Setting(
        num_features=64, num_kept=4, num_classes=5, k=2, num_samples=100, alpha=0.01, num_named=2
    )
    votes = np.array([[90, 28, 28, 27, 27], [90, 100, 10, 0, 0]])
    lower, upper = simultaneous_bounds(votes, alpha=0.01, labels=[0, 0], num_named=2)
    radii = certified_radius(lower, upper, [0, 0], k=2, num_named=2, **SPACE)
    assert radii.tolist() == [plan.radius(np.array([90]), rest)[0] for rest in ("even", "one")]  # type: ignore[arg-type]
