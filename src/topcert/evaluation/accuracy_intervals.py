"""How far a certified accuracy over some inputs may lie from that over all such inputs."""

from __future__ import annotations

from typing import Final

from topcert.evaluation.accuracy import AccuracyCurve, floored
from topcert.theory.confidence import lower_bound, upper_bound

INTERVAL_ERROR: Final = 0.05  # of a hundred intervals, five miss


def interval_of(
    curve: AccuracyCurve, radius: int, *, error: float = INTERVAL_ERROR
) -> tuple[float, float]:
    """The two-sided interval of Clopper and Pearson (1934) around the share at a radius.

    It is about the choice of inputs: `curve.total` of them drawn independently from all. That is
    beside alpha, which is about the votes of each.

    Examples
    --------
    >>> import numpy as np
    >>> curve = AccuracyCurve(k=1, quantity="", certified=np.array([50, 0]), total=100)
    >>> low, high = interval_of(curve, 0)
    >>> round(low, 3), round(high, 3)
    (0.398, 0.602)
    """
    hits = int(curve.certified[radius]) if radius < len(curve.certified) else 0
    low = lower_bound(hits, curve.total, error / 2)
    high = upper_bound(hits, curve.total, error / 2)
    return float(low), float(high)


def share_in_words(curve: AccuracyCurve, radius: int) -> str:
    """The share at a radius and its interval, rounded outwards: "0.714 [0.671, 0.754]"."""
    hits = int(curve.certified[radius]) if radius < len(curve.certified) else 0
    low, high = interval_of(curve, radius)
    below = floored(*low.as_integer_ratio(), 3)
    part, whole = high.as_integer_ratio()
    above = floored(-(-part * 1000 // whole), 1000, 3)
    return f"{floored(hits, curve.total, 3)} [{below}, {above}]"
