"""A smoothed classifier as a scikit-learn estimator."""

from __future__ import annotations

from typing import Any, Final, Literal, final

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import RandomForestClassifier
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from topcert.api.certificates import Certificates
from topcert.api.count_votes import count_votes
from topcert.api.smoothed_classifier import SmoothedClassifier
from topcert.evaluation.predictions import Predictions
from topcert.modalities.make_encoder import make_encoder
from topcert.noise.ablation import Ablation
from topcert.randomization.masks import TRAIN, draw_masks
from topcert.theory.ranking import most_voted
from topcert.theory.scalars import real

ENCODING: Final = "sentinel"  # hidden columns are shown as one number


@final
class TopKCertifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier of tables that votes over ablated rows, and certifies its top k.

    `fit` trains the inner estimator on ablated copies of each row; `predict` asks it about many,
    and says what most of them name. A certificate says that a label stays among the top k,
    however an attacker rewrites so many columns of a row.

    Parameters
    ----------
    estimator
        What is trained on ablated rows; None for a random forest.
    num_kept
        How many columns each mask keeps (an int), or which share of them (a float); one at least.
    copies
        Ablated copies of each row to train on.
    num_samples
        Votes of each row (n).
    fill
        What hidden columns are shown as; None for a number below all that `fit` sees.
    seed
        Names the masks: the same for every row and call, so that a prediction is a function of its
        row. For masks that nobody can know beforehand use `show`.

    Attributes
    ----------
    classes_
        The classes, sorted.
    estimator_
        The inner estimator, fitted on ablated rows with labels 0 .. classes - 1.
    num_kept_, fill_
        What was chosen.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from topcert.sklearn import TopKCertifier
    >>> x, y = load_iris(return_X_y=True)
    >>> certifier = TopKCertifier(num_kept=2, copies=5, num_samples=200).fit(x, y)
    >>> bool(certifier.score(x, y) > 0.8)
    True
    >>> certifier.predict_top_k(x[:1], k=2).shape
    (1, 2)
    """

    def __init__(
        self,
        estimator: Any = None,
        *,
        num_kept: float = 0.5,
        copies: int = 10,
        num_samples: int = 1000,
        fill: float | None = None,
        seed: int = 0,
    ) -> None:
        self.estimator = estimator
        self.num_kept = num_kept
        self.copies = copies
        self.num_samples = num_samples
        self.fill = fill
        self.seed = seed

    def fit(self, X: ArrayLike, y: ArrayLike) -> TopKCertifier:  # noqa: N803
        """Train the inner estimator on `copies` ablations of each row.

        The masks are of another domain than any certificate's.

        Parameters
        ----------
        X
            Rows, finite numbers `(rows, columns)`, or a DataFrame of such columns.
        y
            Classes `(rows,)`, two at least.

        Returns
        -------
        TopKCertifier
            Itself.

        Raises
        ------
        ValueError
            For rows with gaps or infinite numbers, fewer than two classes, or `num_kept` out of
            range.
        """
        rows, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        self.classes_, numbers = np.unique(labels, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError("a top k needs at least 2 classes, and y has one class")
        self.num_kept_ = self._chosen_kept(rows.shape[1])
        self.fill_ = _below(rows) if self.fill is None else float(self.fill)
        inner = RandomForestClassifier(random_state=0) if self.estimator is None else self.estimator
        kept = draw_masks(
            seed=self.seed,
            start=0,
            stop=len(rows) * self.copies,
            num_features=rows.shape[1],
            num_kept=self.num_kept_,
            domain=TRAIN,
        ).reshape(len(rows), self.copies, -1)
        encoder = make_encoder(
            ENCODING,
            shape=rows.shape[1:],
            unit="column",
            batch_size=self.copies,
            fill=self.fill_,
            dtype=rows.dtype,
        )
        shown = [encoder(row[None], masks).copy() for row, masks in zip(rows, kept, strict=True)]
        ablated = np.concatenate(shown).reshape(-1, rows.shape[1])
        self.estimator_ = clone(inner).fit(ablated, np.repeat(numbers, self.copies))
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:  # noqa: N803
        """The class that most votes name.

        Parameters
        ----------
        X
            Rows `(rows, columns)`.

        Returns
        -------
        ndarray
            Classes `(rows,)`.
        """
        return np.asarray(self.predict_top_k(X, k=1)[:, 0])

    def predict_top_k(self, X: ArrayLike, *, k: int) -> NDArray[Any]:  # noqa: N803
        """The k classes that most votes name.

        Parameters
        ----------
        X
            Rows `(rows, columns)`.
        k
            How many classes, 1 .. classes.

        Returns
        -------
        ndarray
            Classes `(rows, k)`, most voted first.

        Raises
        ------
        ValueError
            For k out of range.
        """
        counts = self._counts(X)
        if not 1 <= k <= len(self.classes_):
            raise ValueError(f"k must lie in 1 .. {len(self.classes_)}, the classes; got {k}")
        return np.asarray(self.classes_[most_voted(counts, k)])

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        """The share of the votes for each class.

        Parameters
        ----------
        X
            Rows `(rows, columns)`.

        Returns
        -------
        ndarray
            float64 `(rows, classes)`; rows sum to 1.
        """
        return np.asarray(self._counts(X) / self.num_samples)

    def certify(
        self,
        X: ArrayLike,  # noqa: N803
        y: ArrayLike | None = None,
        *,
        k: int = 1,
        alpha: float = 0.001,
        method: Literal["ablation", "located"] = "ablation",
    ) -> Certificates:
        """Certificates of true classes, or without them of the classes that are predicted.

        Parameters
        ----------
        X
            Rows `(rows, columns)`.
        y
            Their classes, each one of `classes_`.
        k, alpha, method
            As of `topcert.Votes.certify`.

        Returns
        -------
        Certificates
            Their labels are places in `classes_`, and each row has the class beside it.

        Raises
        ------
        ValueError
            For classes that `fit` did not see, and as `topcert.Votes.certify`.
        """
        rows = self._rows(X)
        labels = None if y is None else self._numbers(y)
        votes = self.smoothed().vote(
            rows, labels, num_samples=self.num_samples, seed=self.seed, progress=False
        )
        return votes.certify(method, k=k, alpha=alpha, progress=False)

    def show(self, X: ArrayLike, *, k: int = 1, alpha: float = 0.001) -> Predictions:  # noqa: N803
        """The k classes of each row, each with its radius or None; masks are fresh at each call.

        Parameters
        ----------
        X
            Rows `(rows, columns)`; they may be an attacker's.
        k, alpha
            As of `topcert.SmoothedClassifier.predict`.

        Returns
        -------
        Predictions
            Labels are places in `classes_`.

        Raises
        ------
        ValueError
            As `topcert.SmoothedClassifier.predict`.
        """
        return self.smoothed().predict(
            self._rows(X), k=k, alpha=alpha, num_samples=self.num_samples, progress=False
        )

    def smoothed(self) -> SmoothedClassifier:
        """The fitted classifier as topcert's own object."""
        check_is_fitted(self)
        return SmoothedClassifier(
            self.estimator_,
            noise=self._noise(),
            unit="column",
            class_names=self._class_names(),
        )

    def _class_names(self) -> tuple[str, ...] | None:
        """What certificates call the classes; None where their text does not tell them apart."""
        names = tuple(str(name) for name in self.classes_.tolist())
        return names if all(map(str.strip, names)) and len(set(names)) == len(names) else None

    def _rows(self, X: ArrayLike) -> NDArray[np.float64]:  # noqa: N803
        check_is_fitted(self)
        return np.asarray(validate_data(self, X, reset=False, dtype=np.float64))

    def _counts(self, X: ArrayLike) -> NDArray[np.int64]:  # noqa: N803
        rows = self._rows(X)
        return count_votes(
            self.estimator_,
            rows,
            noise=self._noise(),
            num_samples=self.num_samples,
            seed=self.seed,
            unit="column",
        )

    def _noise(self) -> Ablation:
        return Ablation(num_kept=self.num_kept_, encoding=ENCODING, fill=self.fill_)

    def _numbers(self, y: ArrayLike) -> NDArray[np.int64]:
        """Classes as their places in `classes_`."""
        given = np.asarray(y)
        places = np.searchsorted(self.classes_, given).clip(max=len(self.classes_) - 1)
        unknown = self.classes_[places] != given
        if unknown.any():
            raise ValueError(f"y holds {given[unknown][0]!r}, which is none of the classes of fit")
        return np.asarray(places, np.int64)

    def _chosen_kept(self, columns: int) -> int:
        if isinstance(self.num_kept, (int, np.integer)):
            if not 1 <= self.num_kept <= columns:
                raise ValueError(
                    f"num_kept must lie in 1 .. {columns}, the columns; got {self.num_kept}"
                )
            return int(self.num_kept)
        if not 0 < real(self.num_kept, "num_kept") <= 1:
            raise ValueError(f"num_kept as a share must lie in (0, 1], got {self.num_kept}")
        return max(1, int(columns * self.num_kept))


def _below(rows: NDArray[np.float64]) -> float:
    """A number below all of these, as far as they spread."""
    low, high = float(rows.min()), float(rows.max())
    return low - max(1.0, high - low)
