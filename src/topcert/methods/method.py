"""What a method is; and what one on votes is made of: bounds on probabilities, then a theorem on those bounds."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import ClassVar, NamedTuple, final

import numpy as np
from numpy.typing import NDArray


@final
@dataclass(frozen=True, kw_only=True)
class Smoothing:
    """What the votes were drawn under.

    `noise` is "ablation" (of `num_features` features, `num_kept` stay), "gaussian" (`sigma`) or "discrete"
    (`keep_probability`). A feature is one `unit` of `channels` values. `num_features` is None where it is not known and
    the noise does not need it. The probability of any event differs by at most `law_error` from that of the noise's law.
    """

    noise: str
    unit: str
    num_features: int | None
    channels: int = 1
    num_kept: int | None = None
    sigma: float | None = None
    keep_probability: Fraction | None = None
    law_error: float = 0.0


class Radii(NamedTuple):
    """Certified radii, int64 `(inputs, len(ks))` with ABSTAIN, and the l2 radii behind them where the method has any."""

    radius: NDArray[np.int64]
    l2_radius: NDArray[np.float64] | None = None


class Method(ABC):
    """A certificate, as people are told of it. A final subclass has no state and lies in a file of its own, as `METHOD`."""

    name: ClassVar[str]
    noise: ClassVar[str]  # of a Smoothing, or "none"
    norm: ClassVar[str]
    needs: ClassVar[str]
    guarantee: ClassVar[str]
    only_top_1: ClassVar[bool] = False
    selects: ClassVar[bool] = False  # whether its authors choose the label on a separate first sample


class VoteMethod(Method):
    """A certificate from vote counts."""

    @abstractmethod
    def bounds(
        self, counts: NDArray[np.int64], *, alpha: float, labels: NDArray[np.int64] | None
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper bounds on the class probabilities, both `(inputs, classes)`, from counts of that shape.

        For `labels` int64 `(inputs,)` named before the votes, or for whichever label (None): what `theorem` uses of them
        must hold jointly with probability at least 1 - alpha for each input.
        """

    @abstractmethod
    def theorem(
        self,
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        labels: NDArray[np.int64],
        *,
        ks: Sequence[int],
        smoothing: Smoothing,
    ) -> Radii:
        """The radius of `labels` for each k, given that the bounds hold; it may not fall when bounds tighten."""
