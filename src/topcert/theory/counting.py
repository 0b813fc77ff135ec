"""Exact counting of kept sets: beta(r) = C(d - r, e) / C(d, e), and the grid on which Eq. 6 is
decided.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from topcert.theory.scalars import whole_number

MAX_FEATURES: Final = 10**7


@dataclass(frozen=True, kw_only=True)
class Survival:
    """beta(r), the chance that none of r changed features is kept, for r = 0, 1, ...

    Made by `survival`, as far as it was asked for.

    Attributes
    ----------
    numerators
        Whole numbers, one for each r: `numerators[r] / denominator` is beta(r), exactly.
    denominator
        C(d, e), the number of kept sets.
    floats
        float64 `(radii,)`: the largest number that does not exceed beta(r), so that a radius that
        is decided with it can only come out smaller.

    Examples
    --------
    >>> import topcert
    >>> topcert.survival(5, 2).floats
    array([1. , 0.6, 0.3, 0.1])
    """

    numerators: tuple[int, ...]
    denominator: int
    floats: NDArray[np.float64]


def survival(num_features: int, num_kept: int, *, k: int | None = None) -> Survival:
    """beta(r) = C(d - r, e) / C(d, e): the chance that none of r changed features is kept.

    Parameters
    ----------
    num_features
        Features of an input (d).
    num_kept
        Features that each mask keeps (e), 1 .. num_features.
    k
        Leave out the r that no votes certify in a top k: those after the last r with beta(r) >
        1/(k + 1). None for all r up to d - e; beyond, beta is 0.

    Returns
    -------
    Survival
        beta(0), beta(1), ..., exactly and as floats rounded down.

    Raises
    ------
    ValueError
        Where `1 <= num_kept <= num_features` fails, and for k below 1.

    References
    ----------
    Jia et al., ICLR 2022, Section 2. Why so far for k: as p <= 1, Eq. 6 asks for (t + 1) beta(r) >
    1 with some t <= k.

    Examples
    --------
    >>> import topcert
    >>> beta = topcert.survival(5, 2)
    >>> beta.numerators, beta.denominator
    ((10, 6, 3, 1), 10)
    """
    size = None if k is None else whole_number(k, "k")
    if size is not None and size < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    return _survival(
        whole_number(num_features, "num_features"), whole_number(num_kept, "num_kept"), size
    )


@lru_cache(maxsize=16)  # one for each of ten k, and more
def _survival(num_features: int, num_kept: int, k: int | None) -> Survival:
    numerator = denominator = kept_sets(num_features, num_kept)
    numerators = [numerator]
    for left in range(num_features, num_kept, -1):  # C(left - 1, e) = C(left, e) (left - e) / left
        numerator = numerator * (left - num_kept) // left
        if k is not None and (k + 1) * numerator <= denominator:
            break
        numerators.append(numerator)
    floats = np.array([floored(numerator, denominator) for numerator in numerators])
    floats.flags.writeable = False
    return Survival(numerators=tuple(numerators), denominator=denominator, floats=floats)


def kept_sets(num_features: int, num_kept: int) -> int:
    """C(d, e): how many sets a mask may keep. Raises ValueError where `1 <= num_kept <=
    num_features` fails.
    """
    check_counts(num_features, num_kept)
    return _kept_sets(int(num_features), int(num_kept))


@lru_cache(maxsize=8)
def _kept_sets(num_features: int, num_kept: int) -> int:
    return math.comb(num_features, num_kept)


def check_counts(num_features: int, num_kept: int) -> None:
    """Raise ValueError where `1 <= num_kept <= num_features` fails, or one is no integer."""
    num_features, num_kept = (
        whole_number(num_features, "num_features"),
        whole_number(num_kept, "num_kept"),
    )
    if not 1 <= num_features <= MAX_FEATURES:
        raise ValueError(f"num_features must lie in 1 .. {MAX_FEATURES:,}, got {num_features}")
    if not 1 <= num_kept <= num_features:
        raise ValueError(f"num_kept must lie in 1 .. num_features = {num_features}, got {num_kept}")


def floored(numerator: int, denominator: int) -> float:
    """The largest float64 that does not exceed `numerator / denominator`."""
    nearest = numerator / denominator  # Python rounds the quotient of two integers correctly
    top, bottom = nearest.as_integer_ratio()
    return nearest if top * denominator <= numerator * bottom else math.nextafter(nearest, 0.0)
