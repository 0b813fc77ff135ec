"""Located certificates: never wrong where all is known, in whole small spaces, and no more often
than alpha from samples.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.theory.test_paired import count_pairs_too_often, slow_least_and_most
from topcert.methods.located import METHOD
from topcert.methods.method import Smoothing
from topcert.noise.ablation import Ablation
from topcert.theory import located_radius as located_bounds
from topcert.theory.certified_radius import ABSTAIN, certified_radius
from topcert.theory.confidence import lower_bound, upper_bound
from topcert.theory.counting import survival
from topcert.theory.intersection import lower_bound_by_mass
from topcert.theory.located_radius import largest_possible_radius
from topcert.theory.surviving_votes import SurvivingVotes, least_met, most_met

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class KnownVotes:
    """Votes `(inputs, masks)`, or ballots `(inputs, masks, w)`, under masks `(masks, e)` that are
    all there.
    """

    def __init__(self, kept: Ints, votes: Ints, num_features: int, *, pairs: bool = True) -> None:
        self.ballots = votes if votes.ndim == 3 else votes[:, :, None]
        self.counts_pairs = pairs
        self.keeps = np.zeros((len(kept), num_features), np.int64)
        np.put_along_axis(self.keeps, kept, 1, axis=1)

    def degrees(self) -> Ints:
        return self.keeps.sum(axis=0)

    def kept_counts(self, labels: Ints) -> Iterator[Ints]:
        for ballots, asked in zip(self.ballots, labels, strict=True):
            yield (ballots == asked[:, None, None]).any(axis=2).astype(np.int64) @ self.keeps

    def pair_degrees(self) -> Ints:
        return self._pairs(self.keeps)

    def kept_pairs(self, inputs: Ints, labels: Ints) -> Iterator[Ints]:
        for ballots, asked in zip(self.ballots[inputs], labels, strict=True):
            yield np.stack(
                [self._pairs(self.keeps[(ballots == label).any(axis=1)]) for label in asked]
            )

    def _pairs(self, keeps: Ints) -> Ints:
        known = keeps.astype(np.float64)
        return (known.T @ known).astype(np.int64)


def every_mask(num_features: int, num_kept: int) -> Ints:
    return np.array(list(itertools.combinations(range(num_features), num_kept)), np.int64)


def counts_of(votes: Ints, classes: int) -> Ints:
    return np.stack([(votes == label).sum(axis=1) for label in range(classes)], axis=1)


def located_radii(
    kept: Ints,
    votes: Ints,
    labels: Ints | None,
    *,
    ks: list[int],
    alpha: float,
    classes: int,
    num_features: int,
    pairs: bool = True,
) -> Ints:
    """What the method makes of votes `(inputs, masks)`, `(inputs, labels, len(ks))`; told by
    `pairs` of features or not.
    """
    return METHOD.radii(
        counts_of(votes, classes),
        KnownVotes(kept, votes, num_features, pairs=pairs),
        labels,
        ks=ks,
        alpha=alpha,
        smoothing=Smoothing(
            noise=Ablation(num_kept=kept.shape[1]), unit="pixel", num_features=num_features
        ),
    )


# The truth: which radius no attack breaks, for given votes under all masks.


def true_radii(kept: Ints, votes: Ints, label: int, *, classes: int, num_features: int) -> Ints:
    """The radius of `label` that no attack breaks, `(inputs, classes - 1)` for k = 1, 2, ...

    Votes of masks that keep none of R stay. The attacker gives the D others to the k rivals that
    need the fewest to draw level with the label, which is enough to break it.
    """
    keeps = np.zeros((len(kept), num_features), np.bool_)
    np.put_along_axis(keeps, kept, True, axis=1)
    radii = np.full((len(votes), classes - 1), num_features)
    for r in reversed(range(num_features + 1)):
        for changed in itertools.combinations(range(num_features), r):
            safe = ~keeps[:, list(changed)].any(axis=1)
            left = counts_of(votes[:, safe], classes)
            needed = np.sort(
                np.maximum(left[:, [label]] - np.delete(left, label, axis=1), 0), axis=1
            )
            broken = np.cumsum(needed, axis=1) <= (~safe).sum()
            radii[broken] = r - 1
    return radii


def literal_radius(
    kept: Ints, votes: Ints, label: int, *, k: int, classes: int, num_features: int
) -> int:
    """The same from the definition alone: every R, and every vote of every mask that keeps some of
    R.
    """
    for r in range(num_features + 1):
        for changed in itertools.combinations(range(num_features), r):
            touched = np.flatnonzero(np.isin(kept, changed).any(axis=1))
            for replaced in itertools.product(range(classes), repeat=len(touched)):
                attacked = votes.copy()
                attacked[touched] = replaced
                counts = np.bincount(attacked, minlength=classes)
                if sum(counts[j] >= counts[label] for j in range(classes) if j != label) >= k:
                    return r - 1
    return num_features


@pytest.mark.parametrize(("num_features", "num_kept", "classes"), [(3, 1, 3), (3, 2, 3), (4, 1, 3)])
def test_the_truth_is_what_every_attack_finds(
    num_features: int, num_kept: int, classes: int
) -> None:
    kept = every_mask(num_features, num_kept)
    votes = np.array(list(itertools.product(range(classes), repeat=len(kept))), np.int64)[::5]
    true = true_radii(kept, votes, 0, classes=classes, num_features=num_features)
    assert len(np.unique(true)) >= 2
    for cast, radii in zip(votes, true.tolist(), strict=True):
        for k in range(1, classes):
            assert (
                literal_radius(kept, cast, 0, k=k, classes=classes, num_features=num_features)
                == radii[k - 1]
            )


# Everything known: shares of all masks are the probabilities.


def share(successes: Any, trials: Any, _error: Any) -> Floats:
    wins, total = np.broadcast_arrays(successes, trials)
    return wins / total


@pytest.fixture
def everything_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(located_bounds, "lower_bound", share)
    monkeypatch.setattr(located_bounds, "upper_bound", share)


def all_votes(num_features: int, num_kept: int, classes: int) -> Ints:
    """Every base classifier there is, as votes under all masks."""
    masks = math.comb(num_features, num_kept)
    return np.array(list(itertools.product(range(classes), repeat=masks)), np.int64)


def some_votes(num_features: int, num_kept: int, classes: int) -> Ints:
    """Random classifiers, and those that lean on few features: votes for 0 that all keep one, or
    keep none, of some.
    """
    generator = np.random.default_rng(num_features)
    kept = every_mask(num_features, num_kept)
    weights = np.array([0.75, *[0.25 / (classes - 1)] * (classes - 1)])
    random = generator.choice(classes, p=weights, size=(150, len(kept)))
    parts = [random]
    for leaning in (1, 2, 3):
        chosen = np.argsort(generator.random((100, num_features)), axis=1)[:, :leaning]
        meets = (kept[None, :, :, None] == chosen[:, None, None, :]).any(axis=(2, 3))
        base = generator.choice(classes, p=weights, size=meets.shape)
        for lean in (meets, ~meets):
            parts += [np.where(lean, 0, base), np.where(lean, base, np.minimum(base, 1))]
    return np.concatenate(parts)


WHOLE = [
    (3, 1, 3),
    (3, 2, 3),
    (4, 1, 4),
    (4, 2, 3),
    (4, 3, 4),
    (5, 1, 3),
    (5, 2, 2),
    (5, 4, 3),
    (6, 1, 3),
    (6, 5, 3),
]
LARGER = [(5, 2, 4), (6, 2, 3), (6, 3, 3), (7, 3, 4), (8, 2, 4), (9, 1, 5)]


@pytest.mark.usefixtures("everything_known")
@pytest.mark.parametrize(
    ("make", "sizes"),
    [*((all_votes, sizes) for sizes in WHOLE), *((some_votes, sizes) for sizes in LARGER)],
)
def test_no_located_certificate_is_ever_wrong(
    make: Callable[..., Ints], sizes: tuple[int, int, int]
) -> None:
    num_features, num_kept, classes = sizes
    kept, votes = every_mask(num_features, num_kept), make(*sizes)
    ks = list(range(1, classes))
    space: dict[str, Any] = {"classes": classes, "num_features": num_features}
    true = true_radii(kept, votes, 0, **space)
    found = located_radii(
        kept, votes, np.zeros(len(votes), np.int64), ks=ks, alpha=0.1, pairs=False, **space
    )[:, 0]
    assert (found <= true).all()
    some = slice(None, None, 1 + len(votes) // 2000)  # pairs are asked one input at a time
    sharper = located_radii(
        kept, votes[some], np.zeros(len(votes[some]), np.int64), ks=ks, alpha=0.1, **space
    )[:, 0]
    assert (found[some] <= sharper).all()
    assert (sharper <= true[some]).all()
    counts = counts_of(votes, classes)
    shares = counts / len(kept)
    plain = certified_radius(
        counts,
        counts,
        np.zeros(len(votes), np.int64),
        k=ks,
        num_features=num_features,
        num_kept=num_kept,
    )
    assert (found >= plain).all()  # Theorem 1 with the true probabilities is never better
    # An auditor who knew all probabilities would refute none of them.
    lucky = [
        largest_possible_radius(
            shares[:, 0],
            np.cumsum(np.sort(shares[:, 1:], axis=1)[:, -k:], axis=1),
            num_features=num_features,
            num_kept=num_kept,
        )
        for k in ks
    ]
    assert (np.stack(lucky, axis=1) >= true).all()


@pytest.mark.usefixtures("everything_known")
def test_it_is_more_than_theorem_1_and_not_always_all_there_is() -> None:
    below, above, total = np.zeros(2, np.int64), np.zeros(2, np.int64), 0
    for sizes in LARGER:
        num_features, num_kept, classes = sizes
        kept, votes = every_mask(num_features, num_kept), some_votes(*sizes)
        ks, space = list(range(1, classes)), {"classes": classes, "num_features": num_features}
        named, counts = np.zeros(len(votes), np.int64), counts_of(votes, classes)
        true = true_radii(kept, votes, 0, **space)
        plain = certified_radius(
            counts, counts, named, k=ks, num_features=num_features, num_kept=num_kept
        )
        for pairs in (0, 1):
            found = located_radii(kept, votes, named, ks=ks, alpha=0.1, pairs=bool(pairs), **space)[
                :, 0
            ]
            below[pairs] += (found < true).sum()
            above[pairs] += (found > plain).sum()
        total += true.size
    assert total == 22_950
    assert 1_000 < above[0] <= above[1]
    assert 0 < below[1] < 30 < below[0] < 150


@pytest.mark.usefixtures("everything_known")
def test_the_search_would_notice_a_rule_that_forgets_a_vote(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept, votes = every_mask(4, 2), all_votes(4, 2, 3)
    space: dict[str, Any] = {"classes": 3, "num_features": 4}
    true = true_radii(kept, votes, 0, **space)
    monkeypatch.setattr(
        "topcert.theory.surviving_votes.most_met",
        lambda kept, reach: np.maximum(most_met(kept, reach) - 1, 0),
    )
    found = located_radii(
        kept, votes, np.zeros(len(votes), np.int64), ks=[1, 2], alpha=0.1, **space
    )[:, 0]
    assert (found > true).any()


# The rule itself, slowly: every R, every set of rivals, every part of it.


def slow_radius(
    kept: Ints,
    votes: Ints,
    label: int,
    *,
    k: int,
    picked: int | None,
    error: float,
    alpha: float,
    num_features: int,
    pairs: bool,
    near: int,
) -> int:
    """`error` is for the label, `alpha` for its rivals; `picked` is how many labels the rivals are
    some of, if any are.

    Masks are looked at for the `near` most voted rivals.
    """
    n, num_kept, classes = len(kept), kept.shape[1], int(votes.max()) + 1
    keeps = np.zeros((n, num_features), np.int64)
    np.put_along_axis(keeps, kept, 1, axis=1)
    of = [[int(keeps[votes == j, i].sum()) for i in range(num_features)] for j in range(classes)]
    not_label = [int(keeps[votes != label, i].sum()) for i in range(num_features)]
    counts = np.bincount(votes, minlength=classes).tolist()

    def met(kind: list[int], changed: tuple[int, ...]) -> int:
        return max((kind[i] for i in changed), default=0)

    for r in range(num_features - num_kept + 1):
        sets = list(itertools.combinations(range(num_features), r))
        beta = math.comb(num_features - r, num_kept) / math.comb(num_features, num_kept)
        named_labels = max(
            min(counts[label] - sum(of[label][i] for i in changed) for changed in sets), 0
        )
        others = max(n - counts[label] - met(not_label, changed) for changed in sets)
        left = [max(counts[j] - met(of[j], changed) for changed in sets) for j in range(classes)]
        if pairs and r >= 2:
            named_labels = max(
                named_labels, counts[label] - slow_least_and_most(keeps[votes == label], r)[1]
            )
            others = min(
                others, n - counts[label] - slow_least_and_most(keeps[votes != label], r)[0]
            )
            left = [
                min(left[j], counts[j] - slow_least_and_most(keeps[votes == j], r)[0])
                for j in range(classes)
            ]
        by_votes = sorted((j for j in range(classes) if j != label), key=lambda j: (-counts[j], j))
        left = [left[j] if j in by_votes[:near] else counts[j] for j in range(classes)]
        if picked is None:
            s = max(
                float(lower_bound(named_labels, n, error / 2)),
                beta - float(upper_bound(others, n, error / 2)),
            )
        else:
            likely = float(lower_bound_by_mass(counts[label], n, alpha / 2))
            left, s = counts, likely - (1 - beta)
            if error * likely >= located_bounds.LEAST_ERROR:
                s = max(s, float(lower_bound(named_labels, n, error * likely / 2)))
                s = max(s, beta - float(upper_bound(others, n, error * likely / 2)))
        among = k if picked is None else picked
        for rivals in itertools.combinations([j for j in range(classes) if j != label], k):
            passes = False
            for t in range(1, k + 1):
                for some in itertools.combinations(rivals, t):
                    q = float(
                        upper_bound(
                            sum(left[j] for j in some), n, alpha / (among * math.comb(among, t))
                        )
                    )
                    passes = passes or t * s > min(q, beta - s) + 1 - beta + 1e-13
            if not passes:
                return r - 1
    return num_features - num_kept


def hope(found: SurvivingVotes) -> SurvivingVotes:
    """That pairs of features leave the label all, and its rivals nothing."""
    everything = np.broadcast_to(found.counts[:, :, None], found.least_left.shape)
    return replace(
        found,
        least_left=everything,
        most_left=np.zeros_like(found.most_left),
        others_left=np.zeros_like(found.others_left),
    )


@pytest.mark.parametrize("pairs", [True, False])
@pytest.mark.parametrize(("num_features", "num_kept", "classes"), [(5, 1, 4), (6, 2, 5), (4, 3, 3)])
def test_the_fast_way_is_the_slow_one(
    num_features: int, num_kept: int, classes: int, pairs: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("topcert.methods.located.tightened_by_chance", hope)
    generator = np.random.default_rng(classes)
    every = every_mask(num_features, num_kept)
    ks = list(range(1, classes))
    seen = set()
    for size, alpha in ((40, 0.5), (2000, 0.05)):
        drawn = generator.integers(0, len(every), size)
        for concentration in (0.3, 3.0, 40.0):
            law = generator.dirichlet(
                [concentration, *[0.3] * (classes - 1)], size=len(every)
            ).cumsum(axis=1)
            votes = (generator.random((size, 1)) > law[drawn]).sum(axis=1).clip(0, classes - 1)
            votes[0] = classes - 1  # so that the slow way knows of all classes
            asked: dict[str, Any] = {
                "ks": ks,
                "alpha": alpha,
                "classes": classes,
                "num_features": num_features,
            }
            asked["pairs"] = pairs
            found = located_radii(every[drawn], votes[None], np.array([0]), **asked)[0, 0]
            half: dict[str, Any] = {
                "error": alpha / len(ks) / 2,
                "num_features": num_features,
                "pairs": pairs,
            }
            half["near"] = max(ks)
            slow = [
                slow_radius(every[drawn], votes, 0, k=k, picked=None, alpha=half["error"], **half)
                for k in ks
            ]
            assert found.tolist() == slow
            few = located_radii(every[drawn], votes[None], np.array([0]), **{**asked, "ks": [1]})[
                0, 0, 0
            ]
            whole = {**half, "error": alpha / 2, "near": 1}
            assert few == slow_radius(
                every[drawn], votes, 0, k=1, picked=None, alpha=alpha / 2, **whole
            )
            seen |= set(slow)
            shown = np.argsort(-np.bincount(votes, minlength=classes), kind="stable")[
                : max(ks)
            ].tolist()
            picked = located_radii(every[drawn], votes[None], None, **asked)[0]
            for (rank, label), (column, k) in itertools.product(enumerate(shown), enumerate(ks)):
                shares: dict[str, Any] = {"error": alpha / 4 / len(ks), "alpha": alpha / 2}
                shares |= {"num_features": num_features, "pairs": pairs, "near": 0}
                wanted = slow_radius(every[drawn], votes, label, k=k, picked=max(ks) + 1, **shares)
                assert picked[rank, column] == (wanted if k > rank else ABSTAIN)
    assert len(seen) >= 2


def test_features_meet_masks_as_they_say() -> None:
    kept = np.array([[5, 0, 3, 9, 1], [2, 2, 2, 2, 2]])
    assert most_met(kept, 3).tolist() == [[0, 9, 14, 17], [0, 2, 4, 6]]
    assert least_met(kept, 3).tolist() == [[0, 0, 1, 3], [0, 2, 2, 2]]
    assert most_met(kept, 0).tolist() == least_met(kept, 0).tolist() == [[0], [0]]


def test_no_votes_have_a_radius_beyond_the_reach() -> None:
    for num_features, num_kept, k in [(64, 8, 1), (1024, 50, 3), (10, 9, 2), (5, 5, 1)]:
        reach = len(survival(num_features, num_kept, k=k).numerators) - 1
        beta = survival(num_features, num_kept)
        assert (k + 1) * beta.numerators[reach] > beta.denominator
        assert (
            reach == num_features - num_kept
            or (k + 1) * beta.numerators[reach + 1] <= beta.denominator
        )
        sure = largest_possible_radius(
            np.ones(1), np.zeros((1, k)), num_features=num_features, num_kept=num_kept
        )
        assert sure.tolist() == [reach]


# From samples. The price of asking two more questions is a share of alpha, and no more.


def test_it_is_never_below_theorem_1_at_its_own_share_of_alpha() -> None:
    generator = np.random.default_rng(3)
    kept = np.argsort(generator.random((3000, 64)), axis=1)[:, :8]
    shares = generator.dirichlet([4.0, 0.5, 0.5, 0.3, 0.3], size=40)
    votes = (
        (generator.random((40, 3000, 1)) > shares.cumsum(axis=1)[:, None]).sum(axis=2).clip(0, 4)
    )
    counts, labels, alpha = counts_of(votes, 5), np.zeros(40, np.int64), 0.01
    for k in (1, 2, 3, 4):
        found = located_radii(kept, votes, labels, ks=[k], alpha=alpha, classes=5, num_features=64)[
            :, 0, 0
        ]
        lower, upper = np.zeros(counts.shape), np.ones(counts.shape)
        lower[:, 0] = lower_bound(counts[:, 0], 3000, alpha / 4)
        upper[:, 1:] = upper_bound(counts[:, 1:], 3000, alpha / (2 * k * math.comb(k, k // 2)))
        plain = certified_radius(lower, upper, labels, k=k, num_features=64, num_kept=8)
        assert (found >= plain).all()
        assert plain.max() > 0
        picked = located_radii(kept, votes, None, ks=[k], alpha=alpha, classes=5, num_features=64)[
            :, :, 0
        ]
        lower = lower_bound_by_mass(counts, 3000, alpha / 4)
        upper = upper_bound(counts, 3000, alpha / (2 * (k + 1) * math.comb(k + 1, (k + 1) // 2)))
        shown = np.argsort(-counts, axis=1, kind="stable")[:, :k]
        for rank in range(k):
            plain = certified_radius(lower, upper, shown[:, rank], k=k, num_features=64, num_kept=8)
            assert (picked[:, rank] >= plain).all()


# At the boundary: one R breaks the label, by nothing at all, and no other comes near.

LEVEL = 0.1
# k and the features that break: features, kept, votes of masks that keep none of those, masks drawn
EDGES = {
    (1, 1): (12, 2, [33, 22], 400),
    (3, 1): (12, 2, [16, 13, 12, 12, 2], 400),
    (1, 2): (12, 3, [110, 10], 400),
    (4, 2): (7, 3, [7, 1, 1, 1, 0], 1000),
}


def at_the_edge(k: int, r: int) -> tuple[Ints, Ints]:
    """Masks and votes of 5 classes whose label 0 is broken by the first r features, with no vote to
    spare, and no others.
    """
    num_features, num_kept, stay, _ = EDGES[k, r]
    kept = every_mask(num_features, num_kept)
    touched = (kept < r).any(axis=1)
    votes = np.zeros(len(kept), np.int64)
    free = np.flatnonzero(~touched)
    assert sum(stay) == len(free)
    assert k * stay[0] == sum(stay[1 : k + 1]) + touched.sum()
    spread = free[np.argsort((free * 29) % 55, kind="stable")]
    votes[spread] = np.repeat(np.arange(len(stay)), stay)
    return kept, votes


def failures(k: int, r: int, *, named: bool, trials: int) -> float:
    """The share of samples in which label 0 gets a radius of r or more."""
    kept, votes = at_the_edge(k, r)
    num_features, _, _, size = EDGES[k, r]
    generator = np.random.default_rng(k)
    wrong = 0
    for _ in range(trials):
        drawn = generator.integers(0, len(kept), size)
        cast = votes[drawn][None]
        asked = np.array([0]) if named else None
        found = located_radii(
            kept[drawn], cast, asked, ks=[k], alpha=LEVEL, classes=5, num_features=num_features
        )[0]
        shown = [0] if named else np.argsort(-counts_of(cast, 5)[0], kind="stable")[:k].tolist()
        wrong += bool(0 in shown and found[shown.index(0), 0] >= r)
    return wrong / trials


@pytest.mark.parametrize(("k", "r"), EDGES)
def test_the_edge_is_one(k: int, r: int) -> None:
    kept, votes = at_the_edge(k, r)
    true = true_radii(kept, votes[None], 0, classes=5, num_features=EDGES[k, r][0])[0, k - 1]
    assert true == r - 1


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(("k", "r"), EDGES)
def test_from_samples_it_fails_no_more_often_than_alpha(k: int, r: int, named: bool) -> None:
    trials = 300
    assert failures(k, r, named=named, trials=trials) <= LEVEL + 4 * math.sqrt(
        LEVEL * (1 - LEVEL) / trials
    )


@pytest.mark.usefixtures("everything_known")
@pytest.mark.parametrize(("k", "r"), EDGES)
def test_the_count_of_failures_sees_shares_passed_off_as_bounds(k: int, r: int) -> None:
    assert failures(k, r, named=True, trials=60) > 2 * LEVEL


@pytest.mark.parametrize("share", [1.5, 2.0])
def test_the_count_of_failures_sees_pairs_counted_too_often(
    share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    count_pairs_too_often(monkeypatch, share)
    assert failures(4, 2, named=True, trials=60) > 2 * LEVEL


def test_more_parts_than_a_float_can_count_are_not_asked_for() -> None:
    bounds = located_bounds.rival_shares(
        np.ones((1, 1040), np.int64), trials=np.array([2000]), error=0.0005, k=1040, among=1040
    )
    assert 0 < bounds[0, 0] < bounds[0, 1] < 1
    assert bounds[0, 519] == 1


def test_masks_of_other_votes_than_the_counted_ones_are_refused() -> None:
    kept = np.repeat(every_mask(6, 2), 20, axis=0)
    votes = np.where((kept[:, 0] > 0) & (np.arange(len(kept)) % 2 == 0), 1, 0)[None]
    smoothing = Smoothing(noise=Ablation(num_kept=2), unit="pixel", num_features=6)
    first = counts_of(votes[:, ::2], 2)
    with pytest.raises(ValueError, match="not those of the counted votes"):
        METHOD.radii(
            first, KnownVotes(kept, votes, 6), np.array([0]), ks=[1], alpha=0.1, smoothing=smoothing
        )
