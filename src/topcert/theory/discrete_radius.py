"""Lee et al. 2019: how likely a label must be under discrete noise to stay the likeliest after r
changed channels.

Each channel keeps its value with probability a (`keep_probability`), else takes one of the other K
= `num_values` - 1 values uniformly, each with probability b = (1 - a) / K. The attacker changes r
channels of x, to x + delta. In the others the noise is the same, so only the r changed ones tell x
from x + delta, and of these only

    m = (channels that show x's value) - (channels that show x + delta's value),

with the likelihood ratio (a / b)^m.

A classifier that leaves the label at most 1/2 for x + delta gives it most for x by taking outcomes
in falling order of that ratio (Neyman-Pearson) until half the mass of x + delta is spent: what it
has for x by then is rho_r^-1(1/2), the threshold.

For x, m is the sum of r steps of +1, 0, -1 with probabilities a, (K - 1) b, b; for x + delta, the
same of -m. So one list of integer weights, from r to r + 1 by one convolution with three terms,
gives every threshold exactly.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import accumulate, count, islice
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topcert.theory.certified_radius import ABSTAIN
from topcert.theory.counting import floored

NEARLY_ONE: Final = 1 - Fraction(1, 10**12)
MAX_RADIUS: Final = 1000  # time grows as the cube of the radius: a few seconds here
MAX_VALUES: Final = 2**32
NUM_VALUES: Final = 256  # of a channel of an 8-bit image, v / 255
# of a keep probability: the integers grow by its digits at every radius
MAX_DENOMINATOR: Final = 10**24

_PLAIN_NUMBER: Final = re.compile(
    r"\d{1,25}/\d{1,25}|(\d{1,25}\.?\d{0,25}|\.\d{1,25})(e[-+]?\d{1,2})?", re.IGNORECASE
)

Steps = tuple[int, int, int]  # weights of a step down, none and up


def lee_threshold(
    radius: int, *, keep_probability: Fraction | str | float, num_values: int
) -> Fraction:
    """The threshold rho_r^-1(1/2) of Lee et al. 2019 for `radius` changed channels, exactly.

    It is the largest probability for x of anything (a function of the noisy input with values in
    [0, 1]) whose probability for some x + delta with `radius` changed channels is at most 1/2. A
    label of probability p for x keeps more than 1/2 for every such x + delta, whatever the
    classifier, if p exceeds the threshold; if p only equals it, 1/2 may be all that is left. It is
    1/2 for radius 0, never falls with the radius, and stays below 1.

    A float stands for the decimal it prints as: 0.2 is 1/5. Raises ValueError for a keep
    probability outside (0, 1), fewer than 2 values or a radius outside 0 .. `MAX_RADIUS`.
    """
    return lee_thresholds(
        keep_probability=keep_probability, num_values=num_values, max_radius=radius
    )[-1]


def lee_thresholds(
    *, keep_probability: Fraction | str | float, num_values: int, max_radius: int | None = None
) -> list[Fraction]:
    """The exact thresholds (see `lee_threshold`) of 0, 1, ... `max_radius` changed channels.

    Without `max_radius` the last one is the first that is `NEARLY_ONE` = 1 - 1e-12 or more. Raises
    ValueError, beside the reasons of `lee_threshold`, where that takes more than `MAX_RADIUS`
    channels, or never comes because the noise is uniform (a keep probability of 1 / num_values:
    every threshold is 1/2).
    """
    steps = _steps(keep_probability, num_values)
    if max_radius is not None:
        last = operator.index(max_radius)
        if not 0 <= last <= MAX_RADIUS:
            raise ValueError(f"max_radius must lie in 0 .. {MAX_RADIUS} channels, got {last}")
        return list(islice(_thresholds(steps), last + 1))
    found = []
    if steps[0] != steps[2]:
        for threshold in islice(_thresholds(steps), MAX_RADIUS + 1):
            found.append(threshold)
            if threshold >= NEARLY_ONE:
                return found
    raise ValueError(
        f"with keep_probability {keep_probability} and num_values {num_values} the threshold stays"
        f" below 1 - 1e-12 up to {MAX_RADIUS} channels, where the table ends; name a max_radius, or"
        " another keep_probability"
    )


def lee_radius(
    prob_lower: ArrayLike,
    *,
    keep_probability: Fraction | str | float,
    num_values: int,
    max_radius: int,
) -> NDArray[np.int64]:
    """The largest number of changed channels, at most `max_radius`, whose threshold `prob_lower`
    exceeds.

    `prob_lower` holds lower bounds in [0, 1], floats of any shape; `max_radius` is the number of
    channels of an input. `ABSTAIN` where a bound does not exceed 1/2. The comparison is exact: a
    float p exceeds a number t just when it exceeds the largest float that is not above t.

    Raises ValueError for bounds that are no such floats, for bad noise as in `lee_threshold`, and
    where a bound below 1 exceeds the threshold of `MAX_RADIUS` channels and `max_radius` is larger.
    """
    lower = np.asarray(prob_lower)
    if lower.dtype.kind != "f" or lower.dtype.itemsize > 8:
        raise ValueError(f"prob_lower must hold float64 (or shorter) numbers, got {lower.dtype}")
    outside = ~((lower >= 0) & (lower <= 1))
    if outside.any():
        raise ValueError(
            f"prob_lower must hold probabilities in [0, 1], got {lower[outside].flat[0]}"
        )
    channels = operator.index(max_radius)
    if not 0 <= channels < 2**63:
        raise ValueError(f"max_radius must be the number of channels, 0 or more, got {channels}")
    steps = _steps(keep_probability, num_values)
    if steps[0] == steps[2]:  # uniform noise: every threshold is 1/2
        return np.where(lower > 0.5, channels, ABSTAIN).astype(np.int64)
    sure = lower == 1.0  # exceeds every threshold
    highest = float(lower[~sure].max(initial=0.0))
    floors: list[float] = []
    for threshold in islice(_thresholds(steps), min(channels, MAX_RADIUS) + 1):
        floors.append(floored(threshold.numerator, threshold.denominator))
        if floors[-1] >= highest:
            break
    else:
        if channels > MAX_RADIUS:
            raise ValueError(
                f"with keep_probability {keep_probability} and num_values {num_values} a bound of"
                f" {highest} holds beyond {MAX_RADIUS} channels, where the table ends; set"
                f" max_radius to {MAX_RADIUS} or less"
            )
    return np.where(sure, channels, np.searchsorted(floors, lower, side="left") - 1).astype(
        np.int64
    )


def _thresholds(steps: Steps) -> Iterator[Fraction]:
    """rho_r^-1(1/2) for r = 0, 1, 2, ... without end."""
    down, none, up = steps
    weights = [1]  # of m = -r .. r for x, in units of 1 / total
    for r in count():
        total = (down + none + up) ** r
        # weights[i] is also the weight of m = r - i for x + delta: that is the order of falling
        # likelihood ratio.
        spent = list(accumulate(weights))
        last = next(i for i, mass in enumerate(spent) if 2 * mass > total)
        before = spent[last - 1] if last else 0
        won = sum(weights[len(weights) - last :])
        # Of m = r - last only what is left of 1/2 is taken, (total / 2 - before) / weights[last] of
        # it.
        part, whole = total - 2 * before, weights[last]
        yield Fraction(2 * won * whole + part * weights[-1 - last], 2 * total * whole)
        weights = [
            down * falls + none * stays + up * rises
            for falls, stays, rises in zip(
                [*weights, 0, 0], [0, *weights, 0], [0, 0, *weights], strict=True
            )
        ]


def _steps(keep_probability: Fraction | str | float, num_values: int) -> Steps:
    """Integers in the proportion b : (K - 1) b : a, with a and b exchanged where a < b.

    There the ratio (a / b)^m falls with m; counting m the other way round makes it rise.
    """
    a = _exact(keep_probability)
    values = operator.index(num_values)
    if not 2 <= values <= MAX_VALUES:
        raise ValueError(
            f"num_values must lie in 2 .. {MAX_VALUES:,} (256 for 8-bit channels), got {values}"
        )
    kept = a.numerator * (values - 1)
    other = a.denominator - a.numerator
    shared = math.gcd(kept, other)
    kept, other = kept // shared, other // shared
    return min(kept, other), (values - 2) * other, max(kept, other)


def _exact(keep_probability: Fraction | str | float) -> Fraction:
    if isinstance(keep_probability, Fraction):
        given = keep_probability
    else:
        text = str(keep_probability).strip()
        try:
            if not _PLAIN_NUMBER.fullmatch(text):
                raise ValueError(text)
            given = Fraction(text)
        except (ValueError, ZeroDivisionError):
            raise ValueError(
                "keep_probability must be a decimal or a fraction between 0 and 1, such as 0.2 or"
                f" 1/5; got {text!r}"
            ) from None
    if not 0 < given < 1:
        raise ValueError(
            "keep_probability must lie strictly between 0 and 1, such as 0.2; got"
            f" {keep_probability}"
        )
    if given.denominator > MAX_DENOMINATOR:
        raise ValueError(
            f"keep_probability must have at most 24 decimals; got {keep_probability}, round it"
        )
    return given
