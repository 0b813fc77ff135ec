"""Probability bounds from vote counts: Clopper-Pearson, and all labels at once (SimuEM, Eq. 8).

B(q; a, b), the q-quantile of the Beta distribution, comes from SciPy's inverse incomplete beta
functions. An upper bound asks for the quantile at 1 - q through the complemented inverse, since 1 -
q is not a float when q is small. The inverses are only a first guess: a bound stands when the
incomplete beta function itself puts its chance of being wrong at `error` or less (tests compare
both with a high-precision reference).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NoReturn

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaincc, betainccinv, betaincinv, betaln

from topcert.theory.count_bounds import CountBounds
from topcert.theory.labels import checked_labels, checked_num_named
from topcert.theory.ranking import parts
from topcert.theory.scalars import real

# Both relative. For n up to 10**7 and SciPy 1.17, the function's own error stayed below 1e-11, the
# inverses' below 2e-10, except at a shape parameter of exactly 1000: there they stop early, up to
# 2e-5 from the quantile and on either side, which is what the Newton steps are for.
MARGIN: Final = 1e-10  # of `error`, left to the function's own error
NUDGE: Final = 2e-10  # of the bound: the first step outward, doubled until the bound stands

MAX_SAMPLES: Final = 10**8  # as far as the errors above were measured


def lower_bound(successes: ArrayLike, trials: ArrayLike, error: ArrayLike) -> NDArray[np.float64]:
    """One-sided Clopper-Pearson lower bound of a probability: wrong with chance at most `error`.

    B(error; s, n - s + 1), and 0 where s = 0. `successes` and `trials` are ints, `error` floats,
    that broadcast. Raises ValueError where `0 <= successes <= trials` or `0 < error < 1` fails.
    """
    wins, total, chance = _checked_trials(successes, trials, error)
    out = np.zeros(wins.shape)
    some = wins > 0
    a, b, q = wins[some], total[some] - wins[some] + 1, chance[some]
    guess = _polished(betaincinv(a, b, q), a, b, lambda p: betainc(a, b, p) - q)
    out[some] = _settled(guess, 0.0, lambda p: betainc(a, b, p), q)
    return out


def upper_bound(successes: ArrayLike, trials: ArrayLike, error: ArrayLike) -> NDArray[np.float64]:
    """One-sided Clopper-Pearson upper bound of a probability: wrong with chance at most `error`.

    B(1 - error; s + 1, n - s), and 1 where s = n. `successes` and `trials` are ints, `error`
    floats, that broadcast. Raises ValueError where `0 <= successes <= trials` or `0 < error < 1`
    fails.
    """
    wins, total, chance = _checked_trials(successes, trials, error)
    out = np.ones(wins.shape)
    some = wins < total
    a, b, q = wins[some] + 1, total[some] - wins[some], chance[some]
    guess = _polished(betainccinv(a, b, q), a, b, lambda p: q - betaincc(a, b, p))
    out[some] = _settled(guess, 1.0, lambda p: betaincc(a, b, p), q)
    return out


def simultaneous_bounds(
    counts: ArrayLike, *, alpha: float, labels: ArrayLike | None = None, num_named: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Bounds that hold jointly for an input with probability at least 1 - alpha (SimuEM, Eq. 8).

    Parameters
    ----------
    counts
        How often each class was named, int `(inputs, classes)`, two classes at least. An input's
        number of votes is its row sum over `num_named`.
    alpha
        The chance that any bound of an input is wrong, in (0, 1).
    labels
        The label to certify, int `(inputs,)`, named before the votes were seen. Then each bound is
        at alpha/c, and only the lower bound of the label and the upper bounds of the others are
        proven; everywhere else stand 0 and 1. Without labels: both sides of all labels, at
        alpha/(2c).
    num_named
        How many labels each vote names (w); each label's count is binomial by itself.

    Returns
    -------
    lower, upper : ndarray
        float64 `(inputs, classes)`.

    Raises
    ------
    ValueError
        For counts that are not such numbers or that no votes can give, alpha outside (0, 1), and
        labels out of range.

    References
    ----------
    Jia et al., ICLR 2022, Eq. 8; Clopper and Pearson, Biometrika 26, 1934.

    Examples
    --------
    >>> import topcert
    >>> lower, upper = topcert.simultaneous_bounds([[90, 8, 2]], alpha=0.001, labels=[0])
    >>> lower.round(3), upper.round(3)
    (array([[0.761, 0.   , 0.   ]]), array([[1.   , 0.212, 0.119]]))
    """
    votes, trials = counted(counts, num_named)
    inputs, classes = votes.shape
    rule = simultaneous(alpha=alpha, classes=classes, named=labels is not None)
    if labels is None:
        return rule.of_all(votes, trials)
    named = checked_labels(labels, inputs=inputs, classes=classes)
    return rule.of_named(votes, trials, named)


def simultaneous(*, alpha: float, classes: int, named: bool) -> CountBounds:
    """How `simultaneous_bounds` bounds each count, of labels `named` before the votes or not.

    Raises ValueError for alpha outside (0, 1).
    """
    check_alpha(alpha)
    error = alpha / classes if named else alpha / (2 * classes)
    return CountBounds(lower=lower_bound, lower_error=error, upper=upper_bound, upper_error=error)


def one_sided_bounds(
    counts: ArrayLike, *, alpha: float, labels: ArrayLike | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Clopper-Pearson lower bounds alone: lower and upper, both `(inputs, classes)`, upper being 1
    throughout.

    `labels`, int `(inputs,)`, named before the votes were seen: theirs at alpha, and 0 for all
    others (Cohen et al. 2019, Levine & Feizi 2019, Lee et al. 2019). Without them: of all labels,
    at alpha/c. Raises ValueError as `simultaneous_bounds` does.
    """
    votes, trials = counted(counts)
    inputs, classes = votes.shape
    rule = one_sided(alpha=alpha, classes=classes, named=labels is not None)
    if labels is None:
        return rule.of_all(votes, trials)
    named = checked_labels(labels, inputs=inputs, classes=classes)
    return rule.of_named(votes, trials, named)


def one_sided(*, alpha: float, classes: int, named: bool) -> CountBounds:
    """How `one_sided_bounds` bounds each count, of labels `named` before the votes or not.

    Raises ValueError for alpha outside (0, 1).
    """
    check_alpha(alpha)
    error = alpha if named else alpha / classes
    return CountBounds(lower=lower_bound, lower_error=error, upper=None, upper_error=error)


def _polished(
    guess: NDArray[np.float64],
    a: NDArray[np.int64],
    b: NDArray[np.int64],
    excess: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Two Newton steps towards the quantile, for where the inverse stopped early; `excess` has the
    Beta density as slope.
    """
    for _ in range(2):
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            density = np.exp((a - 1) * np.log(guess) + (b - 1) * np.log1p(-guess) - betaln(a, b))
            closer = guess - excess(guess) / density
        guess = np.where((closer > 0) & (closer < 1), closer, guess)
    return guess


def _settled(
    guess: NDArray[np.float64],
    trivial: float,
    tail: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    error: NDArray[np.float64],
) -> NDArray[np.float64]:
    """`guess` moved towards the `trivial` bound, 0 or 1, until `tail` confirms that it is wrong
    with chance `error`.
    """
    start = np.where(guess > 0, guess, trivial)  # an inverse that failed gives NaN
    step = NUDGE if trivial else -NUDGE
    bound = np.clip(start * (1 + step), 0.0, 1.0)
    while (unproven := (bound != trivial) & ~(tail(bound) <= error * (1 - MARGIN))).any():
        step *= 2
        bound = np.where(unproven, np.clip(start * (1 + step), 0.0, 1.0), bound)
    return bound


def check_alpha(alpha: float) -> None:
    if not 0.0 < real(alpha, "alpha") < 1.0:
        raise ValueError(f"alpha must lie in (0, 1), got {alpha}")


def _checked_trials(
    successes: ArrayLike, trials: ArrayLike, error: ArrayLike
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    chance = np.asarray(error, np.float64)
    if not ((chance > 0) & (chance < 1)).all():
        raise ValueError(
            f"error must lie in (0, 1), got {chance[~((chance > 0) & (chance < 1))].flat[0]}"
        )
    wins, total, chance = np.broadcast_arrays(np.asarray(successes), np.asarray(trials), chance)
    if wins.dtype.kind not in "iu" or total.dtype.kind not in "iu":
        raise ValueError(
            f"successes and trials must be integers, got {wins.dtype} and {total.dtype}"
        )
    wrong = (wins < 0) | (wins > total)
    if wrong.any():
        raise ValueError(
            f"successes must lie in 0 .. trials, got {wins[wrong][0]} of {total[wrong][0]}"
        )
    return wins.astype(np.int64), total.astype(np.int64), chance


def counted(counts: ArrayLike, num_named: int = 1) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """`counts` as int64 `(inputs, classes)`, and how many ballots each row is made of, `(inputs,)`.

    Raises ValueError where counts are not whole, negative, too many or of fewer than two classes,
    and as `trials_of` does.
    """
    votes = np.asarray(counts)
    if votes.ndim != 2 or votes.shape[1] < 2:
        raise ValueError(
            f"counts must be (inputs, classes) with at least 2 classes, got shape {votes.shape}"
        )
    if votes.dtype.kind not in "iu":
        raise ValueError(f"counts must be integers, got {votes.dtype}")
    sums = np.empty(len(votes), np.int64)
    for rows in parts(*votes.shape):
        part = votes[rows].astype(np.int64, copy=False)
        # what is negative is more than 2^63 here, and what is not too large has an exact sum
        few = part.view(np.uint64).max() <= MAX_SAMPLES
        sums[rows] = part.sum(axis=1)
        if not few or sums[rows].max() > MAX_SAMPLES:
            _refuse(votes)
    votes = votes.astype(np.int64, copy=False)
    return votes, _ballots_of(votes, sums, num_named)


def _refuse(votes: NDArray[np.integer]) -> NoReturn:
    sums = votes.sum(axis=1, dtype=np.float64)
    if votes.max() > MAX_SAMPLES or sums.max() > MAX_SAMPLES:
        raise ValueError(
            f"input {sums.argmax()} has more than {MAX_SAMPLES:,} votes, beyond which bounds are"
            " not known to be sound"
        )
    row, column = np.argwhere(votes < 0)[0]
    raise ValueError(
        f"counts must not be negative, got {votes[row, column]} for input {row}, class {column}"
    )


def trials_of(counts: NDArray[np.int64], num_named: int = 1) -> NDArray[np.int64]:
    """How many ballots of `num_named` different labels each row of `counts` `(inputs, classes)` is
    made of.

    Raises ValueError where a row is made of none: its sum is no multiple of `num_named`, or a label
    is named more often than there are ballots.
    """
    return _ballots_of(counts, counts.sum(axis=1), num_named)


def _ballots_of(
    counts: NDArray[np.int64], sums: NDArray[np.int64], num_named: int
) -> NDArray[np.int64]:
    named = checked_num_named(num_named, classes=counts.shape[1])
    trials = sums // named
    if (uneven := np.flatnonzero(sums % named)).size:
        row = int(uneven[0])
        raise ValueError(
            f"input {row} has {sums[row]} namings, no multiple of {named}: they are no ballots of"
            f" {named} labels each"
        )
    if named > 1 and (counts > trials[:, None]).any():
        row, label = np.argwhere(counts > trials[:, None])[0].tolist()
        raise ValueError(
            f"input {row}, class {label} is named {counts[row, label]} times by {trials[row]}"
            f" ballots of {named} labels each, and a ballot names a label once at most"
        )
    return np.asarray(trials)
