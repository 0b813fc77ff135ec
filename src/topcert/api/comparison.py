"""Several runs side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from topcert.api.accuracy_curves import Accuracy
from topcert.api.accuracy_tables import Line
from topcert.api.arguments import listed
from topcert.theory.scalars import shown, text


class HasAccuracy(Protocol):
    """What has an accuracy: certificates."""

    def accuracy(self) -> Accuracy: ...


def compare(runs: Sequence[HasAccuracy | Accuracy], names: Sequence[str] | None = None) -> Accuracy:
    """Several runs on one plot and in one table.

    Parameters
    ----------
    runs
        Certificates, or accuracies of them.
    names
        What to call each run; by default its method and setting.

    Returns
    -------
    Accuracy
        All their curves: `plot`, `to_pandas`, `to_markdown`, `to_latex`, `save`.

    Raises
    ------
    ValueError
        Where radii count different things, or there are not as many names as runs.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> smoothed = topcert.SmoothedClassifier(
    ...     lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=6))
    >>> x = np.random.default_rng(0).random((4, 12))
    >>> votes = smoothed.vote(x, [0, 1, 1, 0], num_samples=200, progress=False)
    >>> both = topcert.compare(
    ...     [votes.certify(name, k=1) for name in ("ablation", "located")], ["paper", "located"])
    >>> both.at(0, name="paper") <= both.at(0, name="located")
    True
    """
    found = [_accuracy(run) for run in listed(runs, "runs", such_as="[one, other]")]
    if names is not None:
        names = [
            text(name, "each of names", such_as="paper")
            for name in listed(names, "names", such_as="['paper', 'located']")
        ]
    if names is not None and len(names) != len(found):
        raise ValueError(f"{len(names)} names are given for {len(found)} runs; name each of them")
    if names is not None and len(set(names)) < len(names):
        raise ValueError(f"two runs have one name: {', '.join(names)}; name each differently")
    return Accuracy(
        [
            Line(
                name=line.name if names is None else names[place],
                curve=line.curve,
                unit=line.unit,
            )
            for place, accuracy in enumerate(found)
            for line in accuracy.lines
        ]
    )


def _accuracy(run: HasAccuracy | Accuracy) -> Accuracy:
    if isinstance(run, Accuracy):
        return run
    if not callable(getattr(run, "accuracy", None)):
        raise ValueError(f"each of runs must be Certificates or Accuracy, got {shown(run)}")
    return run.accuracy()
