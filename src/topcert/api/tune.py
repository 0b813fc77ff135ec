"""Which setting certifies most at a radius, by a small labelled sample."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, final

from topcert.api.python_words import python_words
from topcert.api.smoothed_classifier import SmoothedClassifier
from topcert.api.votes import USUAL_ALPHA
from topcert.data_frames import to_frame
from topcert.evaluation.accuracy import floored
from topcert.evaluation.choices import check_ballot, check_ks, choose_alpha
from topcert.evaluation.tuning import (
    Trial,
    folder_of,
    ranked,
    setting_in_words,
    try_ballots,
)
from topcert.evaluation.usual_method import usual_method
from topcert.methods.registered_methods import find_sampled_method
from topcert.methods.rules import check_rule
from topcert.noise.law import IID, Noise
from topcert.progress.shown import Shown
from topcert.theory.scalars import whole

SAMPLES: Final = 1_000


@final
class Tuned:
    """What each setting certifies, the best first.

    They were chosen by these inputs: certify others, for a setting may do a little worse there.

    Attributes
    ----------
    trials
        The settings with what each certifies, the best first.
    k, radius
        What was asked.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> found = topcert.tune(
    ...     lambda batch: batch[:, :3], np.eye(3, 12), [0, 1, 2], k=1, radius=0, num_samples=100,
    ...     noises=[topcert.Ablation(num_kept=11)], progress=False)
    >>> found.best.certified, found.best.total
    (3, 3)
    """

    def __init__(self, trials: Sequence[Trial], *, k: int, radius: int) -> None:
        self.trials = tuple(ranked(trials))
        self.k = k
        self.radius = radius

    @property
    def best(self) -> Trial:
        """What certifies most; of equal ones that of fewer passes, then of smaller w."""
        return self.trials[0]

    def rows(self) -> list[dict[str, Any]]:
        """One row a setting, the best first, with the 95 % interval of its share."""
        return [
            {
                "method": trial.method,
                "law": trial.law,
                "num_kept": trial.num_kept,
                "num_named": trial.num_named,
                "passes": trial.passes,
                "certified": trial.certified,
                "total": trial.total,
                "share": trial.certified / trial.total,
                "share_lower": trial.interval[0],
                "share_upper": trial.interval[1],
            }
            for trial in self.trials
        ]

    def to_pandas(self) -> Any:
        """`rows` as a DataFrame. Raises ImportError where there is no pandas."""
        rows = self.rows()
        return to_frame({name: [row[name] for row in rows] for name in rows[0]})

    def __repr__(self) -> str:
        lines = [f"<Tuned: certified top-{self.k} accuracy at r = {self.radius}"]
        for trial in self.trials:
            named = "" if trial.num_named == 1 else f", w = {trial.num_named}"
            low, high = trial.interval
            lines.append(
                f"  {setting_in_words(trial.law, trial.num_kept)}{named}:"
                f" {floored(trial.certified, trial.total, 3)} ({low:.3f} to {high:.3f}),"
                f" {trial.passes:,} votes"
            )
        return "\n".join(lines) + ">"


def tune(
    model: Any,
    x: Any,
    labels: Any = None,
    *,
    noises: Sequence[Noise],
    radius: int,
    k: int = 3,
    method: str | None = None,
    num_samples: int | None = None,
    num_named: int | None = None,
    alpha: float | None = None,
    out: str | Path | None = None,
    progress: Shown = None,
) -> Tuned:
    """Try laws of noise on a small labelled sample: which certifies most at a radius?

    Parameters
    ----------
    model, x, labels
        As `SmoothedClassifier` and its `vote` take them.
    noises
        What to try, such as `[topcert.Ablation(num_kept=e) for e in (40, 50, 60)]`.
    radius, k
        What matters to you.
    method
        The certificate; None for the usual one of each noise.
    num_samples
        Votes of each input; 1,000, or one round of a lattice with strides.
    num_named
        Votes of 1 .. so many labels are tried; None for up to k, where the method certifies such.
    alpha
        As of `Votes.certify`.
    out
        A folder for the votes of each setting; repeat the call to go on after a stop.
    progress
        As of `SmoothedClassifier.vote`.

    Returns
    -------
    Tuned
        What each setting certifies, the best first.

    Raises
    ------
    ValueError
        Where there is nothing to try, or there are no labels.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> x = np.random.default_rng(0).random((4, 12))
    >>> found = topcert.tune(
    ...     lambda batch: batch[:, :3], x, [0, 1, 1, 0], k=1, radius=0, num_samples=100,
    ...     noises=[topcert.Ablation(num_kept=e) for e in (4, 8)], progress=False)
    >>> len(found.trials), found.best.certified >= found.trials[1].certified
    (2, True)
    """
    with python_words():
        if not noises:
            raise ValueError("noises is empty; give laws to try, such as Ablation(num_kept=50)")
        trials: list[Trial] = []
        for noise in noises:
            first = SmoothedClassifier(model, noise=noise)
            num_classes = first.classes_on(x, labels)
            check_ks([whole(k, "k")], num_classes)
            name = usual_method(noise.name, noise.law, [k]) if method is None else method
            certifier = find_sampled_method(name)
            usual = min(k, num_classes - 1) if certifier.ballots else 1
            most = usual if num_named is None else whole(num_named, "num_named")
            check_ballot(most, certifier, num_classes)
            samples = num_samples
            if samples is None and noise.law == IID:
                samples = SAMPLES
            votes = SmoothedClassifier(model, noise=noise, num_named=most).vote(
                x,
                labels,
                num_samples=samples,
                out=None
                if out is None
                else Path(out) / folder_of(noise.law, noise.entries().get("num_kept")),
                progress=progress,
            )
            if votes.labels is None:
                raise ValueError("certified accuracy needs labels, and there are none; give some")
            trials += try_ballots(
                votes.ledger,
                method=name,
                bounds=check_rule(certifier, None),
                k=k,
                alpha=choose_alpha(alpha, certifier, usual=USUAL_ALPHA),
                radius=whole(radius, "radius"),
                ballots=range(1, most + 1),
            )
    return Tuned(trials, k=k, radius=radius)
