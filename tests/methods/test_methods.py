"""Every certificate from votes: right as often as it says, equal to its closed form, found by its
name.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from numpy.typing import NDArray

import topcert.methods
from tests.conftest import Outcome
from topcert.methods import lee
from topcert.methods.certificate_table import LABEL_CHOICES, CertificateTable, LabelChoice
from topcert.methods.certify import certify
from topcert.methods.method import Method, Radii, SampledMethod, Smoothing, VoteMethod
from topcert.methods.registered_methods import (
    ALIASES,
    all_methods,
    find_method,
    find_sampled_method,
    find_vote_method,
)
from topcert.noise.ablation import Ablation
from topcert.noise.discrete import Discrete
from topcert.noise.gaussian import Gaussian
from topcert.theory import discrete_radius
from topcert.theory.certified_radius import ABSTAIN, certified_radius
from topcert.theory.confidence import lower_bound, simultaneous_bounds
from topcert.theory.discrete_radius import lee_radius, lee_threshold
from topcert.theory.gaussian_radius import l2_radius, l2_radius_majority

Counts = NDArray[np.int64]
Probabilities = NDArray[np.float64]

ABLATION = Smoothing(noise=Ablation(num_kept=8), unit="pixel", num_features=64)
GAUSSIAN = Smoothing(noise=Gaussian(sigma=0.9), unit="pixel", num_features=100, channels=3)
INEXACT = dataclasses.replace(GAUSSIAN, law_error=1e-6)
DISCRETE = Smoothing(
    noise=Discrete(keep_probability="0.1"),
    unit="pixel",
    num_features=100,
    channels=3,
    law_error=1e-13,
)
NOISES = {smoothing.noise.name: smoothing for smoothing in (ABLATION, GAUSSIAN, DISCRETE)}
TOP_1 = ["cohen", "lee", "levine-feizi"]
ON_VOTES = [*TOP_1, "ablation", "jia-2020"]

# A label that falls just short of radius 1: whoever certifies it at 1 is wrong. With bounds that
# were no bounds, about half of all inputs would be.

OTHERS = np.array([0.0, 0.4, 0.3, 0.2, 0.1])


def exact_radii(method: VoteMethod, p: Probabilities, *, ks: Sequence[int]) -> NDArray[np.int64]:
    """What the theorem gives where the probabilities are known, `(classes, len(ks))`."""
    every = np.tile(p, (len(p), 1))
    return method.theorem(
        every, every, np.arange(len(p)), ks=ks, smoothing=NOISES[method.noise]
    ).radius


def short_of(method: VoteMethod, *, k: int, radius: int) -> Probabilities:
    """Probabilities whose label 0 has not quite that radius."""

    def mixed(share: float) -> Probabilities:
        p = (1 - share) * OTHERS
        p[0] += share
        return p / p.sum()

    low, high = 0.0, 0.9999
    for _ in range(60):
        middle = (low + high) / 2
        reached = exact_radii(method, mixed(middle), ks=[k])[0, 0] >= radius
        low, high = (low, middle) if reached else (middle, high)
    return mixed(low)


def failures(
    method: VoteMethod,
    p: Probabilities,
    *,
    choice: LabelChoice,
    ks: Sequence[int],
    alpha: float,
    samples: int,
    trials: int,
    peek: bool = False,
) -> int:
    """How many of so many inputs with class probabilities p get a radius that is too large."""
    generator = np.random.default_rng([len(method.name), samples, len(choice)])
    counts = generator.multinomial(samples, p, size=trials)
    first = counts if peek else generator.multinomial(20, p, size=trials)
    made = certify(
        method,
        counts,
        smoothing=NOISES[method.noise],
        labels=np.zeros(trials, np.int64),
        selection=first,
        label_choice=choice,
        ks=ks,
        alpha=alpha,
    )
    true = exact_radii(method, p, ks=sorted(ks))[made.label, np.searchsorted(sorted(ks), made.k)]
    return len(np.unique(made.index[made.radius > true]))


def most_failures(alpha: float, trials: int) -> float:
    return alpha * trials + 4 * math.sqrt(alpha * (1 - alpha) * trials)


class PlugIn(VoteMethod):
    """A method that takes shares of votes for probabilities."""

    def __init__(self, honest: VoteMethod) -> None:
        self.honest = honest
        self.name, self.noise = honest.name, honest.noise  # type: ignore[misc]

    def bounds(self, counts: Counts, **_: Any) -> tuple[Probabilities, Probabilities]:
        shares = counts / counts.sum(axis=1, keepdims=True)
        return shares, shares

    def theorem(self, *bounds: Any, **options: Any) -> Radii:
        return self.honest.theorem(*bounds, **options)


CASES = [
    pytest.param(name, k, radius, id=f"{name}-k{k}-r{radius}")
    for name, k, radius in [
        ("ablation", 1, 1),
        ("ablation", 3, 2),
        ("jia-2020", 1, 0),
        ("jia-2020", 3, 1),
        ("levine-feizi", 1, 0),
        ("levine-feizi", 1, 2),
        ("cohen", 1, 0),
        ("cohen", 1, 1),
        ("lee", 1, 0),
        ("lee", 1, 1),
    ]
]


@pytest.mark.parametrize("choice", ["given", "selected", "predicted"])
@pytest.mark.parametrize(("name", "k", "radius"), CASES)
def test_certificates_fail_no_more_often_than_alpha(
    name: str, k: int, radius: int, choice: LabelChoice
) -> None:
    method, alpha, trials = find_vote_method(name), 0.1, 3000
    p = short_of(method, k=k, radius=radius)
    assert exact_radii(method, p, ks=[k])[0, 0] == radius - 1
    ks = sorted({1, k})
    failed = failures(method, p, choice=choice, ks=ks, alpha=alpha, samples=500, trials=trials)
    assert failed <= most_failures(alpha, trials)
    # nothing is lost there but what is left of a whole number of votes
    if name in TOP_1 and choice != "predicted":
        assert failed >= 0.6 * alpha * trials


@pytest.mark.parametrize("choice", ["given", "selected", "predicted"])
@pytest.mark.parametrize(("name", "k", "radius"), CASES)
def test_the_count_of_failures_sees_a_method_without_bounds(
    name: str, k: int, radius: int, choice: LabelChoice
) -> None:
    method, alpha, trials = find_vote_method(name), 0.1, 1000
    p = short_of(method, k=k, radius=radius)
    failed = failures(
        PlugIn(method), p, choice=choice, ks=[k], alpha=alpha, samples=500, trials=trials
    )
    assert failed > 2 * most_failures(alpha, trials)


@pytest.mark.parametrize("name", ON_VOTES)
@pytest.mark.parametrize("choice", ["given", "selected", "predicted"])
def test_equal_labels_are_certified_no_more_often_than_alpha(
    name: str, choice: LabelChoice
) -> None:
    method, alpha, trials = find_vote_method(name), 0.1, 2000
    for classes in (2, 10):
        p = np.full(classes, 1 / classes)
        ks = [1] if name in TOP_1 else sorted({1, classes - 1})
        failed = failures(method, p, choice=choice, ks=ks, alpha=alpha, samples=400, trials=trials)
        assert failed <= most_failures(alpha, trials)


@pytest.mark.parametrize("name", TOP_1)
def test_a_label_selected_by_the_votes_that_certify_it_breaks_the_level(name: str) -> None:
    # Two labels that are equally likely: neither may be certified, and one of them always has more
    # votes.
    method, alpha, trials = find_vote_method(name), 0.1, 3000
    asked: dict[str, Any] = {
        "choice": "selected",
        "ks": [1],
        "alpha": alpha,
        "samples": 1000,
        "trials": trials,
    }
    p = np.array([0.5, 0.5])
    assert failures(method, p, **asked) <= most_failures(alpha, trials)
    assert failures(method, p, **asked, peek=True) > 1.4 * most_failures(alpha, trials)


def test_selected_labels_are_those_of_the_first_sample() -> None:
    method = find_vote_method("levine-feizi")
    counts = np.array([[0, 900, 100], [800, 100, 100], [0, 0, 1000]])
    first = np.array([[3, 3, 1], [0, 1, 9], [0, 0, 10]])
    labels = np.array([2, 2, 2])
    options: dict[str, Any] = {"smoothing": ABLATION, "ks": [1], "alpha": 0.05, "labels": labels}
    made = certify(method, counts, **options, selection=first, label_choice="selected")
    # a tie: lower index first; the votes that certify have no say
    assert made.label.tolist() == [0, 2, 2]
    assert (made.radius[:2] == ABSTAIN).all()
    assert made.radius[2] > 0
    named = certify(method, counts, **{**options, "labels": made.label}, label_choice="given")
    assert named.radius.tolist() == made.radius.tolist()
    assert (made.label_choice, named.label_choice) == ("selected", "given")


def test_predicted_labels_pay_for_all_classes() -> None:
    counts = np.array([[700, 200, 100], [100, 100, 800]])
    for name, error in (("cohen", 0.05 / 3), ("ablation", 0.05 / 6)):
        method = find_vote_method(name)
        made = certify(
            method,
            counts,
            smoothing=NOISES[method.noise],
            labels=None,
            label_choice="predicted",
            ks=[1],
            alpha=0.05,
        )
        assert made.label.tolist() == [0, 2]
        lower, _ = method.bounds(counts, alpha=0.05, labels=None)
        np.testing.assert_array_equal(lower, lower_bound(counts, 1000, error))


def test_rows_go_by_input_then_k_then_votes() -> None:
    counts = np.array([[500, 300, 200], [100, 200, 700]])
    made = certify(
        find_vote_method("jia-2020"),
        counts,
        smoothing=GAUSSIAN,
        labels=None,
        label_choice="predicted",
        ks=[2, 1, 2],
        alpha=0.05,
        index=np.array([20, 40]),
    )
    assert made.index.tolist() == [20] * 3 + [40] * 3
    assert made.k.tolist() == [1, 2, 2] * 2
    assert made.label.tolist() == [0, 0, 1, 2, 2, 1]
    assert (made.unit, made.method, made.alpha) == ("pixel", "jia-2020", 0.05)
    assert made.l2_radius is not None
    np.testing.assert_array_equal(np.isnan(made.l2_radius), made.radius == ABSTAIN)


@pytest.mark.parametrize("name", ON_VOTES)
@pytest.mark.parametrize("classes", [6, 40])
def test_bounds_of_the_strongest_rivals_are_all_that_is_needed(
    name: str, classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    method, generator = find_vote_method(name), np.random.default_rng(classes)
    shares = generator.dirichlet(np.full(classes, 0.1), size=60)
    counts = np.stack([generator.multinomial(300 + row, p) for row, p in enumerate(shares)])
    labels = np.where(np.arange(60) % 3, counts.argmax(axis=1), np.arange(60) % classes)
    found = []
    for near in (True, False):
        if not near:  # the slow way: bounds of all counts
            monkeypatch.setattr("topcert.methods.certify.count_bounds_by", lambda *_, **__: None)
        for rule in method.rules or (None,):
            for choice in LABEL_CHOICES:
                made = certify(
                    method,
                    counts,
                    smoothing=NOISES[method.noise],
                    labels=labels,
                    selection=counts,
                    label_choice=choice,
                    ks=[1] if method.only_top_1 else [1, 2, 5],
                    alpha=0.01,
                    bounds=rule,
                )
                assert made.radius.max() >= 0
                found.append((made.label, made.radius, made.l2_radius, made.bounds))
    half = len(found) // 2
    for fast, slow in zip(found[:half], found[half:], strict=True):
        np.testing.assert_equal(fast, slow)


# Closed forms.


def survival_share(r: int, num_features: int, num_kept: int) -> Fraction:
    return Fraction(math.comb(num_features - r, num_kept), math.comb(num_features, num_kept))


def closed_levine_feizi(lower: Fraction, num_features: int, num_kept: int) -> int:
    """The largest r with p_l - (1 - beta(r)) > 1/2."""
    radius = ABSTAIN
    while radius < num_features and lower - (
        1 - survival_share(radius + 1, num_features, num_kept)
    ) > Fraction(1, 2):
        radius += 1
    return radius


@pytest.mark.parametrize(("num_features", "num_kept"), [(64, 8), (1024, 50), (30, 29), (200, 1)])
def test_levine_feizi_is_its_closed_rule(num_features: int, num_kept: int) -> None:
    method = find_vote_method("levine-feizi")
    smoothing = dataclasses.replace(
        ABLATION, num_features=num_features, noise=Ablation(num_kept=num_kept)
    )
    lower = np.random.default_rng(num_features).uniform(0.4, 1.0, (150, 3))
    labels = np.arange(150) % 3
    found = method.theorem(lower, np.ones_like(lower), labels, ks=[1], smoothing=smoothing).radius
    assert found.shape == (150, 1)
    named = lower[np.arange(150), labels].tolist()
    wanted = [closed_levine_feizi(Fraction(p), num_features, num_kept) for p in named]
    if math.comb(num_features, num_kept) > 2**60:
        assert found[:, 0].tolist() == wanted
    else:
        # a probability is a multiple of 1 / C(d, e), so that a bound between two of them may be
        # raised (Eq. 4)
        total = math.comb(num_features, num_kept)
        raised = [
            closed_levine_feizi(
                Fraction(math.ceil(Fraction(p) * total), total), num_features, num_kept
            )
            for p in named
        ]
        assert all(
            low <= r <= high
            for low, r, high in zip(wanted, found[:, 0].tolist(), raised, strict=True)
        )
    counts = np.array([[990, 5, 5]])
    bounds = method.bounds(counts, alpha=0.05, labels=np.array([0]))
    whole = method.theorem(*bounds, np.array([0]), ks=[1], smoothing=smoothing).radius[0, 0]
    assert whole == closed_levine_feizi(
        Fraction(float(lower_bound(990, 1000, 0.05))), num_features, num_kept
    )


def test_levine_feizi_needs_more_than_one_half() -> None:
    method = find_vote_method("levine-feizi")
    total = math.comb(64, 8)
    for r in range(5):
        edge = Fraction(1, 2) + 1 - survival_share(r, 64, 8)
        lower = np.array([[edge, 0], [edge + Fraction(1, total), 0]], dtype=object)
        upper = np.full((2, 2), Fraction(1), dtype=object)
        found = method.theorem(lower, upper, np.array([0, 0]), ks=[1], smoothing=ABLATION).radius
        assert found[:, 0].tolist() == [r - 1, r]


def test_levine_feizi_with_simuem_is_ablation_at_k_1() -> None:
    assert find_method("levine-feizi-simuem") is find_method("ablation")
    counts = np.random.default_rng(0).multinomial(1000, [0.8, 0.1, 0.05, 0.05], size=50)
    labels = np.zeros(50, np.int64)
    made = certify(
        find_vote_method("levine-feizi-simuem"),
        counts,
        smoothing=ABLATION,
        labels=labels,
        label_choice="given",
        ks=[1],
        alpha=0.01,
    )
    lower, upper = simultaneous_bounds(counts, alpha=0.01, labels=labels)
    assert (
        made.radius.tolist()
        == certified_radius(lower, upper, labels, k=1, num_features=64, num_kept=8).tolist()
    )
    assert made.radius.max() > 0


def test_cohen_is_sigma_times_the_quantile_and_the_floor_of_pixels() -> None:
    method = find_vote_method("cohen")
    wins = np.array([1000, 999, 990, 950, 900, 800, 700, 600, 560, 527, 526, 525, 500, 3])
    counts = np.stack([wins, 1000 - wins], axis=1)
    for sigma, channels in ((0.25, 3), (1.0, 1), (0.9, 3)):
        smoothing = dataclasses.replace(GAUSSIAN, noise=Gaussian(sigma=sigma), channels=channels)
        made = certify(
            method,
            counts,
            smoothing=smoothing,
            labels=np.zeros(len(wins), np.int64),
            label_choice="given",
            ks=[1],
            alpha=0.05,
        )
        assert made.l2_radius is not None
        for win, radius, l2 in zip(
            wins.tolist(), made.radius.tolist(), made.l2_radius.tolist(), strict=True
        ):
            lower = float(lower_bound(win, 1000, 0.05))
            with mpmath.workdps(40):
                exact = sigma * mpmath.sqrt(2) * mpmath.erfinv(2 * mpmath.mpf(lower) - 1)
                if lower <= 0.5:
                    assert radius == ABSTAIN
                    assert math.isnan(l2)
                    continue
                assert exact - 1e-9 <= l2 <= exact
                assert radius == min(int(mpmath.ceil(exact**2 / channels)) - 1, 100)


def test_jia_2020_at_k_1_against_one_rival_is_cohen_with_its_bounds() -> None:
    method, cohen = find_vote_method("jia-2020"), find_vote_method("cohen")
    lower = np.random.default_rng(3).uniform(0.45, 1, (60, 1))
    lower = np.concatenate([lower, np.zeros_like(lower)], axis=1)
    labels = np.zeros(60, np.int64)
    one = method.theorem(lower, np.ones_like(lower), labels, ks=[1], smoothing=GAUSSIAN)
    other = cohen.theorem(lower, np.ones_like(lower), labels, ks=[1], smoothing=GAUSSIAN)
    assert one.l2_radius is not None
    assert other.l2_radius is not None
    np.testing.assert_allclose(one.l2_radius, other.l2_radius, rtol=1e-9, equal_nan=True)
    np.testing.assert_array_equal(one.radius, other.radius)


@pytest.mark.parametrize("name", ["cohen", "jia-2020"])
def test_gaussian_methods_leave_room_for_the_law_error(name: str) -> None:
    """As if the label had so much less, and every other label so much more."""
    method = find_vote_method(name)
    lower = np.array(
        [
            [0.6, 0.0, 0.0, 0.0],
            [0.9, 0.0, 0.0, 0.0],
            [0.500001, 0.0, 0.0, 0.0],
            [0.5000005, 0.0, 0.0, 0.0],
        ]
    )
    upper = np.array(
        [
            [1.0, 0.3, 0.05, 0.05],
            [1.0, 0.05, 0.03, 0.02],
            [1.0, 0.6, 0.2, 0.2],
            [1.0, 0.6, 0.2, 0.2],
        ]
    )
    labels, ks = np.zeros(4, np.int64), [1] if name == "cohen" else [1, 2, 3]
    found = method.theorem(lower, upper, labels, ks=ks, smoothing=INEXACT).l2_radius
    pushed = method.theorem(
        np.maximum(lower - 1e-6, 0), np.minimum(upper + 1e-6, 1), labels, ks=ks, smoothing=GAUSSIAN
    ).l2_radius
    plain = method.theorem(lower, upper, labels, ks=ks, smoothing=GAUSSIAN).l2_radius
    assert found is not None
    assert pushed is not None
    assert plain is not None
    np.testing.assert_allclose(found, pushed, rtol=1e-9)
    assert (found <= pushed).all() or np.isnan(found).any()
    assert (found[:2] < plain[:2] - 1e-7).all()
    assert np.isnan(found[3, 0])  # a majority of less than the law error is none
    assert plain[3, 0] > 0


@pytest.mark.parametrize("name", ["cohen", "jia-2020"])
def test_without_a_law_error_radii_are_those_of_the_theorem_to_the_bit(name: str) -> None:
    lower, upper = np.array([[0.7, 0.1]]), np.array([[0.8, 0.3]])
    assert GAUSSIAN.lowered(lower) is lower
    assert GAUSSIAN.raised(upper) is upper
    wanted = (
        l2_radius(lower, upper, [0], k=1, sigma=0.9)
        if name == "jia-2020"
        else l2_radius_majority([0.7], sigma=0.9)
    )
    found = (
        find_vote_method(name)
        .theorem(lower, upper, np.array([0]), ks=[1], smoothing=GAUSSIAN)
        .l2_radius
    )
    assert found is not None
    assert found[0, 0] == wanted[0]


def test_bounds_for_the_law_lie_outside_those_for_the_drawn_one_and_within_0_and_1() -> None:
    values = np.array([0.0, 5e-324, 1e-7, 0.3, 1.0])
    low, high = INEXACT.lowered(values), INEXACT.raised(values)
    for value, below, above in zip(values.tolist(), low.tolist(), high.tolist(), strict=True):
        assert below >= 0
        assert Fraction(below) <= max(Fraction(value) - Fraction(1e-6), 0)
        assert min(Fraction(value) + Fraction(1e-6), 1) <= Fraction(above) <= 1


def test_lee_counts_whole_pixels_and_leaves_room_for_the_law_error() -> None:
    method = find_vote_method("lee")
    keep = DISCRETE.noise_of(Discrete).share
    lower = np.array([[0.5, 0.5], *([p, 1 - p] for p in np.linspace(0.5001, 0.9999, 60))])
    labels = np.zeros(len(lower), np.int64)
    values = lee_radius(lower[:, 0], keep_probability=keep, num_values=256, max_radius=300)
    assert len(set(values.tolist())) > 8
    for channels in (1, 3):
        smoothing = dataclasses.replace(DISCRETE, channels=channels, law_error=0.0)
        found = method.theorem(
            lower, np.ones_like(lower), labels, ks=[1], smoothing=smoothing
        ).radius
        assert found[:, 0].tolist() == [
            ABSTAIN if r == ABSTAIN else r // channels for r in values.tolist()
        ]
    edge = float(lee_threshold(3, keep_probability=keep, num_values=256))
    # radius 1 needs p - error beyond the threshold of 3 values
    for error, radius in ((0.0, 1), (1e-13, 1), (1e-8, 0)):
        near = np.array([[edge + 1e-9, 0.0]])
        smoothing = dataclasses.replace(DISCRETE, law_error=error)
        found = method.theorem(
            near, np.ones((1, 2)), np.array([0]), ks=[1], smoothing=smoothing
        ).radius
        assert found.tolist() == [[radius]]


@pytest.mark.parametrize("num_features", [None, 1024, 2])
def test_lee_stops_at_the_end_of_the_table_of_thresholds(
    monkeypatch: pytest.MonkeyPatch, num_features: int | None
) -> None:
    monkeypatch.setattr(discrete_radius, "MAX_RADIUS", 30)
    monkeypatch.setattr(lee, "MAX_RADIUS", 30)
    smoothing = dataclasses.replace(
        DISCRETE, noise=Discrete(keep_probability="1/100"), num_features=num_features
    )
    near = np.array([[0.9999, 0.0], [1.0, 0.0], [0.5, 0.5]])
    found = find_vote_method("lee").theorem(
        near, np.ones((3, 2)), np.zeros(3, np.int64), ks=[1], smoothing=smoothing
    )
    reach = 2 if num_features == 2 else 10
    assert found.radius[:, 0].tolist() == [reach, reach, ABSTAIN]


# What does not fit.


@pytest.mark.parametrize("name", ON_VOTES)
def test_votes_under_another_noise_are_refused(name: str) -> None:
    method = find_vote_method(name)
    for noise, smoothing in NOISES.items():
        if noise != method.noise:
            with pytest.raises(
                ValueError, match=f"{name} needs votes under the noise {method.noise}, not {noise}"
            ):
                call(method, smoothing=smoothing)


@pytest.mark.parametrize("name", TOP_1)
@pytest.mark.parametrize("ks", [[3], [1, 2], [2, 2]])
@pytest.mark.parametrize("choice", ["given", "selected", "predicted"])
def test_other_k_than_1_are_refused_where_that_is_all(
    name: str, ks: list[int], choice: LabelChoice
) -> None:
    with pytest.raises(ValueError, match=f"{name} certifies k = 1 only"):
        call(find_vote_method(name), ks=ks, label_choice=choice)


def test_a_label_that_nobody_names_is_refused() -> None:
    method = find_vote_method("cohen")
    with pytest.raises(ValueError, match=r"selected labels need a first sample.*--selection"):
        call(method, label_choice="selected")
    with pytest.raises(ValueError, match="certifying given labels needs labels"):
        call(method, label_choice="given", labels=None)


@pytest.mark.parametrize("name", ON_VOTES)
@pytest.mark.parametrize("alpha", [0.0, 1.0, -0.1, math.nan])
def test_alpha_out_of_range_is_refused(name: str, alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha"):
        call(find_vote_method(name), alpha=alpha)


def call(method: VoteMethod, **changes: Any) -> CertificateTable:
    options: dict[str, Any] = {
        "smoothing": NOISES[method.noise],
        "labels": np.array([0]),
        "label_choice": "given",
        "ks": [1],
        "alpha": 0.05,
    }
    return certify(method, np.array([[90, 5, 3, 2]]), **{**options, **changes})


# The registry.


def test_every_file_with_a_method_is_found_under_a_name_of_its_own() -> None:
    files = [
        path
        for path in Path(topcert.methods.__file__).parent.glob("*.py")
        if "\nMETHOD = " in path.read_text()
    ]
    assert len(files) >= 5
    found = all_methods()
    assert len(found) == len(files)
    assert list(found) == sorted(found)
    assert {type(method).__module__.rpartition(".")[2] for method in found.values()} == {
        path.stem for path in files
    }
    assert set(found) >= set(ON_VOTES)
    for name, method in found.items():
        assert method.name == name
        assert find_method(name) is method
        assert all(
            isinstance(getattr(method, text), str)
            for text in ("noise", "norm", "needs", "guarantee")
        )
    assert not set(ALIASES) & set(found)
    assert set(ALIASES.values()) <= set(found)
    assert [name for name, method in found.items() if isinstance(method, VoteMethod)] == sorted(
        ON_VOTES
    )


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    for find in (find_method, find_vote_method):
        with pytest.raises(
            ValueError,
            match=r"unknown method 'magic'; choose one of: ablation, .*levine-feizi-simuem",
        ):
            find("magic")


def test_a_method_that_is_not_about_votes_is_refused_for_them() -> None:
    others = {
        name: method for name, method in all_methods().items() if not isinstance(method, VoteMethod)
    }
    for name, method in others.items():
        sampled = isinstance(method, SampledMethod)
        with pytest.raises(
            ValueError, match="which counts do not tell" if sampled else "not from votes"
        ):
            find_vote_method(name)
        if sampled:
            assert find_sampled_method(name) is method
        else:
            with pytest.raises(ValueError, match="not from votes"):
                find_sampled_method(name)


def test_the_command_lists_every_method(topcert: Callable[..., Outcome]) -> None:
    run = topcert("methods")
    assert run.code == 0
    for name in (*all_methods(), *ALIASES):
        lines = run.out.splitlines()
        (place,) = [place for place, line in enumerate(lines) if line.split(" ")[0] == name]
        message = " ".join(" ".join(lines[place : place + 4]).split())
        assert f"needs {find_method(name).needs}" in message


OWN = """
import numpy as np

from topcert.methods.method import Radii, VoteMethod


class Unanimous(VoteMethod):
    name = "unanimous"
    noise = "ablation"
    norm = "l0"
    needs = "--keep"
    guarantee = "none: radius 7 where every vote is for the label"

    def bounds(self, counts, *, alpha, labels):
        shares = counts / counts.sum(axis=1, keepdims=True)
        return shares, np.ones_like(shares)

    def theorem(self, lower, upper, labels, *, ks, smoothing):
        sure = np.take_along_axis(lower, labels[:, None], axis=1) == 1
        return Radii(np.where(sure, 7, -1).repeat(len(ks), axis=1))


METHOD = Unanimous()
"""


@pytest.fixture
def own_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A method in a file of its own, outside the package's folder."""
    folder = tmp_path / "more_methods"
    folder.mkdir()
    (folder / "unanimous.py").write_text(OWN)
    monkeypatch.setattr(topcert.methods, "__path__", [*topcert.methods.__path__, str(folder)])
    importlib.invalidate_caches()
    yield "unanimous"
    sys.modules.pop("topcert.methods.unanimous", None)
    vars(topcert.methods).pop("unanimous", None)


def test_one_file_more_is_one_method_more(
    workplace: Path, own_method: str, topcert: Callable[..., Outcome]
) -> None:
    assert own_method in all_methods()
    method: Method = find_method(own_method)
    assert method.guarantee in topcert("methods").out
    run = [
        "certify",
        "table.npz",
        "models_for_tests:linear",
        "--method",
        own_method,
        "--keep",
        12,
        "--samples",
        20,
    ]
    made = topcert(*run, "--label", "predicted", "--out", "o")
    assert made.code == 0, made.err
    certificates, _ = CertificateTable.read(Path("o/certificates.parquet"))
    assert certificates.method == own_method
    # nothing is ablated: all votes agree, at any k
    assert certificates.radius.tolist() == [7, -1, -1] * 8
    assert topcert("verify", "o").code == 0
    Path("counts.csv").write_text("a,b,label\n9,0,0\n8,1,0\n")
    listed = topcert(
        "radius", "counts.csv", "--method", own_method, "--keep", 1, "--features", 3, "--k", 1
    )
    assert listed.out.splitlines()[1:] == ["0,0,a,1,7", "1,0,a,1,"]


def test_the_file_that_was_added_is_gone_again() -> None:
    assert "unanimous" not in all_methods()
