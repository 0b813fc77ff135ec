"""What a method is; and what one on votes is made of: bounds on probabilities, then a theorem on
those bounds.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar, NamedTuple, Protocol, final

import numpy as np
from numpy.typing import NDArray

from topcert.noise.law import Law, Noise, of_law
from topcert.theory.attacker import REWRITE, REWRITES, Attacker
from topcert.theory.count_bounds import CountBounds
from topcert.theory.ranking import most_voted


@final
@dataclass(frozen=True, kw_only=True)
class Smoothing:
    """What the votes were drawn under.

    An input has `num_features` features, each one `unit` of `channels` values; None where that is
    not known and the noise does not need it. The probability of any event differs by at most
    `law_error` from that of the noise's law. Each vote is a ballot of `num_named` labels.
    `attacker` is what a radius allows. `sizes` int64 `(inputs,)` are the numbers of features where
    they differ, of which `num_features` is the largest.
    """

    noise: Noise
    unit: str
    num_features: int | None
    channels: int = 1
    law_error: float = 0.0
    num_named: int = 1
    attacker: Attacker = REWRITES
    sizes: NDArray[np.int64] | None = None

    @property
    def features(self) -> int | NDArray[np.int64]:
        """How many features each input has. Raises ValueError where that is not known."""
        if self.sizes is not None:
            return self.sizes
        if self.num_features is None:
            raise ValueError("how many features an input has is not known")
        return self.num_features

    @property
    def plain(self) -> bool:
        """Whether features are rewritten alone, and all inputs have as many."""
        return self.sizes is None and self.attacker.rewrites_alone

    def by_size(self) -> Iterator[tuple[NDArray[np.int64], Smoothing]]:
        """The inputs of each number of features, where they differ, and what theirs is."""
        assert self.sizes is not None
        for size in np.unique(self.sizes).tolist():
            rows = np.flatnonzero(self.sizes == size)
            yield rows, replace(self, sizes=None, num_features=size)

    def of_inputs(self, rows: slice | NDArray[np.int64]) -> Smoothing:
        """The same of some of the inputs."""
        return self if self.sizes is None else replace(self, sizes=self.sizes[rows])

    def noise_of(self, law: type[Law]) -> Law:
        """The noise, as one of that law. Raises ValueError where it is of another."""
        return of_law(self.noise, law)

    def lowered(self, prob_lower: NDArray[np.float64]) -> NDArray[np.float64]:
        """Lower bounds for the noise's law, of those for the drawn one."""
        if not self.law_error:
            return prob_lower
        return np.maximum(np.nextafter(prob_lower - self.law_error, 0.0), 0.0)

    def raised(self, prob_upper: NDArray[np.float64]) -> NDArray[np.float64]:
        """Upper bounds for the noise's law, of those for the drawn one."""
        if not self.law_error:
            return prob_upper
        return np.minimum(np.nextafter(prob_upper + self.law_error, 2.0), 1.0)


class Radii(NamedTuple):
    """Certified radii, int64 `(inputs, len(ks))` with ABSTAIN, and the l2 radii behind them where
    the method has any.
    """

    radius: NDArray[np.int64]
    l2_radius: NDArray[np.float64] | None = None


class MaskVotes(Protocol):
    """Votes of which it is known under which mask each was cast."""

    def degrees(self) -> NDArray[np.int64]:
        """How many masks keep each feature, `(num_features,)`."""

    def kept_counts(self, labels: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """For each input in turn: how many masks name `labels[input, j]` and keep feature i,
        `(labels, num_features)`.

        `labels` is int64 `(inputs, labels)`.
        """

    @property
    def counts_pairs(self) -> bool:
        """Whether there are few enough features and masks to count pairs of features."""

    def pair_degrees(self) -> NDArray[np.signedinteger]:
        """How many masks keep both of two features, `(num_features, num_features)`; `degrees` on
        the diagonal.
        """

    def kept_pairs(
        self, inputs: NDArray[np.int64], labels: NDArray[np.int64]
    ) -> Iterator[NDArray[np.signedinteger]]:
        """As `kept_counts`, of pairs of features, for some inputs in ascending order: `(labels,
        features, features)`.
        """

    def of_length(self, inputs: NDArray[np.int64], num_features: int) -> MaskVotes:
        """Those of some inputs, ascending, all of which have so many features: of a run whose
        inputs differ in that.
        """


class DesignVotes(MaskVotes, Protocol):
    """Votes under the masks of a design."""

    @property
    def round_size(self) -> int:
        """How many masks in turn share no feature; 1 where nothing is known of that."""

    def cast(self) -> Iterator[NDArray[np.int64]]:
        """For each input in turn: its votes, in the order of the masks, `(masks, num_named)`, the
        best label first.
        """


class Method(ABC):
    """A certificate, as it is described to people. A final subclass has no state and lies in a file
    of its own, as `METHOD`.
    """

    name: ClassVar[str]
    noise: ClassVar[str]  # the name of its law (topcert.noise), or "none"
    norm: ClassVar[str]
    needs: ClassVar[str]
    guarantee: ClassVar[str]
    only_top_1: ClassVar[bool] = False
    ballots: ClassVar[bool] = False  # whether it certifies votes that name more than one label
    # what an attacker may do whom it covers, and whether inputs may have different numbers of
    # features: the `attacker` and the `sizes` of a `Smoothing`
    moves: ClassVar[tuple[str, ...]] = (REWRITE,)
    any_size: ClassVar[bool] = False

    def covers(self, attacker: Attacker) -> bool:
        """Whether it certifies against him: any that has none but its `moves`."""
        return set(attacker.moves) <= set(self.moves)

    # whether its authors choose the label on a separate first sample
    selects: ClassVar[bool] = False
    picks: ClassVar[str] = "with the most votes"  # which label of an input is its prediction
    promise: ClassVar[str] = "stays in the top k of the vote"  # what a certified label does


class SampledMethod(Method):
    """A certificate from votes."""

    # names for --bounds, the method's own first; none where there is no choice
    rules: ClassVar[tuple[str, ...]] = ()
    # of the draws that it holds for, as manifests name them
    laws: ClassVar[tuple[str, ...]] = ("iid",)

    def shown(
        self, counts: NDArray[np.int64], k: int, *, votes: DesignVotes | None
    ) -> NDArray[np.int64]:
        """The labels that the votes pick, int64 `(inputs, k)`: those with the most, unless a method
        has another rule.

        `counts` `(inputs, classes)` are those of `votes`, which is for methods that ask for masks.
        """
        return most_voted(counts, k)

    @abstractmethod
    def favourable(
        self,
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        labels: NDArray[np.int64],
        *,
        ks: Sequence[int],
        smoothing: Smoothing,
    ) -> Radii:
        """Radii that no true certificate of `labels` exceeds, given that the bounds hold: what an
        auditor's votes allow.

        `lower` and `upper` are `(inputs, classes)`, and turned about: of the label its greatest
        probability, of the others the least. What is given may not fall as the first rises or the
        others fall.
        """


class VoteMethod(SampledMethod):
    """A certificate from vote counts."""

    # whether it also says how many labels of a set stay: `stays`
    certifies_sets: ClassVar[bool] = False

    @abstractmethod
    def bounds(
        self,
        counts: NDArray[np.int64],
        *,
        alpha: float,
        labels: NDArray[np.int64] | None,
        num_named: int = 1,
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Lower and upper bounds on the class probabilities, both `(inputs, classes)`, from counts
        of that shape.

        For `labels` int64 `(inputs,)` named before the votes, or for whichever label (None): what
        `theorem` uses of them must hold jointly with probability at least 1 - alpha for each input.
        Each vote names `num_named` labels: 1, but for methods of `ballots`.
        """

    def count_bounds(
        self, *, alpha: float, classes: int, named: bool, num_named: int = 1
    ) -> CountBounds | None:
        """How `bounds` are made, where each count is bounded by itself and `theorem` uses no bounds
        but the label's lower one and, of the others' upper ones, the k largest.

        Then no others are computed. None, where either is not so: `bounds` are asked for all
        counts. `named`: of labels named before the votes.
        """
        return None

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
        """The radius of `labels` for each k, given that the bounds hold; it may not fall when
        bounds tighten.

        A method with more than one rule of bounds uses no bounds but the label's lower one and, of
        the others' upper ones, the k largest: `intersection-union` proves no more.
        """

    def stays(
        self,
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        sets: NDArray[np.int64],
        *,
        k: int,
        smoothing: Smoothing,
    ) -> NDArray[np.int64]:
        """For m = 1, 2, .. the radius at which at least m labels of each set stay among the top k,
        int64 `(inputs, min(k, labels))`, given that the bounds hold.

        `sets` is int64 `(inputs, labels)`, -1 where a set has fewer. Asked of methods alone that
        say so by `certifies_sets`.
        """
        raise NotImplementedError(f"the method {self.name} has no theorem of sets")

    def favourable(
        self,
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        labels: NDArray[np.int64],
        *,
        ks: Sequence[int],
        smoothing: Smoothing,
    ) -> Radii:
        return self.theorem(lower, upper, labels, ks=ks, smoothing=smoothing)


class MaskMethod(SampledMethod):
    """A certificate from votes and the masks that they were cast under: a ledger has both, a table
    of counts does not.
    """

    @abstractmethod
    def radii(
        self,
        counts: NDArray[np.int64],
        votes: MaskVotes,
        labels: NDArray[np.int64] | None,
        *,
        ks: Sequence[int],
        alpha: float,
        smoothing: Smoothing,
    ) -> NDArray[np.int64]:
        """Radii for each k, of `labels` int64 `(inputs,)` named before the votes, or (None) of the
        most voted labels.

        `counts` `(inputs, classes)` are those of `votes`. Returns int64 `(inputs, labels, len(ks))`
        with one label or, most voted first (ties: lower index first), max(ks) of them. All radii of
        an input hold together with probability at least 1 - alpha, those of ranks beyond a k
        excepted.
        """


class DesignMethod(SampledMethod):
    """A certificate of the vote over the masks of a design: deterministic, and about no other
    masks.
    """

    @abstractmethod
    def check_masks(self, num_samples: int, round_size: int) -> None:
        """Raise ValueError where so many masks, in rounds of so many, are none that the method
        certifies.
        """

    @abstractmethod
    def radii(
        self,
        counts: NDArray[np.int64],
        votes: DesignVotes,
        labels: NDArray[np.int64] | None,
        *,
        ks: Sequence[int],
    ) -> NDArray[np.int64]:
        """Radii for each k, of `labels` int64 `(inputs,)`, or (None) of the labels that are
        `shown`.

        Shapes are those of `MaskMethod.radii`, ranks beyond a k hold ABSTAIN. A label has a radius
        exactly where it is among the k that are shown (by votes: ties to the lower index), and then
        is so under every change of so many features.
        """

    @final
    def favourable(
        self,
        lower: NDArray[np.float64],
        upper: NDArray[np.float64],
        labels: NDArray[np.int64],
        *,
        ks: Sequence[int],
        smoothing: Smoothing,
    ) -> Radii:
        raise ValueError(
            f"the masks of a {self.name} certificate are the classifier: other masks say nothing"
            " about it"
        )
