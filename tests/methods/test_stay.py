"""How many labels of a set stay, from votes: the rules of bounds, and how often they err."""

from __future__ import annotations

import numpy as np
import pytest

from topcert.methods.ablation import METHOD
from topcert.methods.design import METHOD as DESIGN
from topcert.methods.located import METHOD as LOCATED
from topcert.methods.method import Smoothing
from topcert.methods.stay import stay_of_shown, stay_radii
from topcert.noise.ablation import Ablation
from topcert.theory.confidence import lower_bound, simultaneous_bounds, upper_bound
from topcert.theory.intersection import lower_bound_by_mass
from topcert.theory.ranking import most_voted
from topcert.theory.stay_radius import stay_radius

SPACE = {"num_features": 64, "num_kept": 8}
ALPHA = 0.05


def smoothing(named: int = 1) -> Smoothing:
    return Smoothing(noise=Ablation(num_kept=8), unit="column", num_features=64, num_named=named)


def at_the_edge(radius: int, *, m: int, k: int, chosen: int, others: int) -> np.ndarray:
    """Shares of labels of which not quite m of the first `chosen` stay at that radius: these are
    equally likely, and so are the others.
    """
    low, high = 0.0, 1.0
    for _ in range(50):
        middle = (low + high) / 2
        p = np.repeat([middle / chosen, (1 - middle) / others], [chosen, others])[None]
        found = stay_radius(p, p, [list(range(chosen))], k=k, **SPACE)[0, m - 1]
        low, high = (low, middle) if found >= radius else (middle, high)
    return np.repeat([low / chosen, (1 - low) / others], [chosen, others])


@pytest.mark.parametrize("bounds", [None, "intersection-union"])
@pytest.mark.parametrize("named", [True, False])
def test_radii_are_too_large_no_more_often_than_alpha_allows(
    bounds: str | None, named: bool
) -> None:
    generator = np.random.default_rng(4)
    wrong = []
    for m, k, chosen, others in [(1, 2, 2, 6), (2, 2, 2, 6), (2, 3, 3, 9), (1, 3, 1, 3)]:
        p = at_the_edge(1, m=m, k=k, chosen=chosen, others=others)
        counts = generator.multinomial(400, p, size=3000)
        sets = np.tile(np.arange(chosen), (3000, 1)) if named else None
        found = stay_radii(
            METHOD, counts, sets, k=k, alpha=ALPHA, smoothing=smoothing(), bounds=bounds
        )
        if named:
            wrong.append((found[:, m - 1] >= 1).mean())
        elif chosen == k:  # a picked set is another one now and then, and then nothing is known
            right = (np.sort(most_voted(counts, k), axis=1) == np.arange(k)).all(axis=1)
            wrong.append((right & (found[:, m - 1] >= 1)).mean())
    assert max(wrong) <= ALPHA
    if named and bounds is not None:
        assert max(wrong) > 0  # the bounds are not so wide that nothing could err


@pytest.mark.parametrize("named", [1, 2])
def test_bounds_are_those_of_the_rule(named: int) -> None:
    generator = np.random.default_rng(6)
    scores = generator.gumbel(size=(6, 300, 30)) + 4 * (np.arange(30) < 3)
    order = np.argsort(-scores, axis=2)[:, :, :named]
    counts = (order[..., None] == np.arange(30)).sum(axis=(1, 2))
    space = SPACE | {"num_named": named}
    asked = {"k": 3, "alpha": ALPHA, "smoothing": smoothing(named)}
    sets = most_voted(counts, 3)
    # all classes together, both sides
    lower, upper = simultaneous_bounds(counts, alpha=ALPHA, num_named=named)
    expected = stay_radius(lower, upper, sets, k=3, **space)
    found = stay_radii(METHOD, counts, None, **asked)
    assert (found == expected).all()
    assert found.max() > 0
    radii = np.full((6, 3), -1)
    given = {"alpha": ALPHA, "smoothing": smoothing(named)}
    assert (stay_of_shown(METHOD, counts, radii, **given) == expected).all()
    # of picked sets: all lower bounds, and the upper ones of the 2 k likeliest labels
    lower = lower_bound_by_mass(counts, 300, ALPHA / (2 * named))
    upper = upper_bound(counts, 300, ALPHA / (2 * 6))
    closer = stay_radii(METHOD, counts, None, bounds="intersection-union", **asked)
    assert (closer == stay_radius(lower, upper, sets, k=3, **space)).all()
    # of given ones: k + labels
    truth = np.array([[0, 1, 2, 3, -1]] * 6)
    lower, upper = lower_bound(counts, 300, ALPHA / 8), upper_bound(counts, 300, ALPHA / 8)
    given_sets = stay_radii(METHOD, counts, truth, bounds="intersection-union", **asked)
    assert (given_sets == stay_radius(lower, upper, truth, k=3, **space)).all()
    lower, upper = lower_bound(counts, 300, ALPHA / 30), upper_bound(counts, 300, ALPHA / 30)
    wide = stay_radii(METHOD, counts, truth, **asked)
    assert (wide == stay_radius(lower, upper, truth, k=3, **space)).all()
    assert (given_sets >= wide).all()


def test_where_there_is_no_theorem_of_sets_labels_stay_as_far_as_one_by_one() -> None:
    counts, radii = np.array([[5, 3, 2]]), np.array([[2, 5]])
    asked = {"alpha": 0.0, "smoothing": smoothing()}
    assert stay_of_shown(DESIGN, counts, radii, **asked).tolist() == [[5, 2]]
    with pytest.raises(ValueError, match="located does not say how many labels of a set stay"):
        stay_radii(LOCATED, counts, None, k=1, **asked)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"k": 3}, "k must lie in 1 .. classes - 1 = 2, got 3"),
        ({"bounds": "wide"}, "bounds must be one of simuem, intersection-union, got 'wide'"),
        ({"sets": np.array([[0, 0]])}, "label 0 stands twice"),
        ({"alpha": 0.0}, "alpha must lie in"),
    ],
)
def test_what_is_no_question_is_refused(change: dict[str, object], message: str) -> None:
    asked = {"sets": None, "k": 1, "alpha": ALPHA, "smoothing": smoothing()} | change
    with pytest.raises(ValueError, match=message):
        stay_radii(METHOD, np.array([[5, 3, 2]]), asked.pop("sets"), **asked)
