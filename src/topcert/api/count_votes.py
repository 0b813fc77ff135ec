"""Votes on arrays in Python, for those who need no ledger."""

from __future__ import annotations

import secrets
import warnings
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topcert.api.python_words import python_words
from topcert.api.request_of import request_of
from topcert.api.smoothed_classifier import SmoothedClassifier
from topcert.datasets.reading import Reading
from topcert.noise.law import Noise
from topcert.theory.scalars import whole_number
from topcert.voting.prepare import prepare
from topcert.voting.rows import check_rows, fewest_features, refuse_places, why_places_matter
from topcert.voting.voter import count_all


def count_votes(
    model: Any,
    x: Any,
    *,
    noise: Noise,
    num_samples: int,
    seed: int | None = None,
    unit: str | None = None,
    num_classes: int | None = None,
    output: str | None = None,
    num_named: int = 1,
    batch_size: int | None = None,
    device: str = "auto",
    reading: Reading | None = None,
) -> NDArray[np.int64]:
    """How often each class is named over noisy copies of each input.

    Every input sees the same noise. Inputs and model must have been fixed before `seed` was drawn.
    A torch module is put into evaluation mode. Warns where the model had no answer for some votes.

    Parameters
    ----------
    model
        A torch module, a fitted scikit-learn estimator, or any callable from a batch to scores
        `(B, classes)`, integer labels `(B,)` or ranked labels `(B, num_named)`, the best first, all
        different (for labels give `num_classes`); or what else `topcert.SmoothedClassifier` takes.
    x
        Booleans, integers or floats: images `(inputs, H, W, C)` or `(inputs, C, H, W)`, tables
        `(inputs, columns)`, sets of points `(inputs, points, coordinates)`. Bytes (uint8) are
        scaled to [0, 1]; nothing else is changed. Or what else `topcert.SmoothedClassifier.vote`
        takes.
    noise
        What each copy is shown: `topcert.Ablation`, `topcert.Gaussian` or `topcert.Discrete`.
    num_samples
        Votes of each input (n).
    seed
        Names the noise; None draws one afresh from the system at every call.
    unit
        "pixel", "feature", "column" or "point"; needed where the shape leaves it in doubt.
    num_classes
        How many classes there are; needed where the model gives labels.
    output
        Which of several outputs of the model is taken, by its name or place.
    num_named
        How many labels each vote names, the best first (w).
    batch_size
        Noisy copies a batch; None for what suits the model.
    device
        "auto", "cpu", "cuda" or "cuda:N", for torch modules.
    reading
        Where channels are and which range values of images have, where the shape or [0, 1] does not
        say it: `topcert.Reading(channels="first", value_range=(-1, 1))`.

    Returns
    -------
    ndarray
        int64 `(inputs, classes)`; a row sums to `num_samples * num_named`.

    Raises
    ------
    ValueError
        Where anything does not fit or is in doubt, or a trial finds that an answer depends on the
        other rows of its batch (then `batch_size=1` may help) or on what was asked before.

    Notes
    -----
    The model must be a function of one row. No second instance of it is asked here, as
    `SmoothedClassifier.vote` does. So a model that remembers rows by less than all of it (by the
    mask, say) goes unnoticed.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> x = np.random.default_rng(0).random((2, 12))
    >>> counts = topcert.count_votes(
    ...     lambda batch: batch[:, :3], x, noise=topcert.Ablation(num_kept=6), num_samples=100,
    ...     seed=0)
    >>> counts.sum(axis=1)
    array([100, 100])
    """
    smoothed = SmoothedClassifier(
        model,
        noise=noise,
        unit=unit,
        num_named=num_named,
        num_classes=num_classes,
        output=output,
        device=device,
        batch_size=batch_size,
    )
    with python_words():
        prepared = prepare(
            request_of(
                smoothed,
                x,
                None,
                num_samples=whole_number(num_samples, "num_samples"),
                seed=secrets.randbits(63) if seed is None else seed,
                reading=reading,
                unmatched="leave out",
                second=False,
            )
        )
        voter, classifier, inputs = prepared.voter(), prepared.classifier, len(prepared.dataset)
        if prepared.noise.refuses_inputs:  # better known before the work than after most of it
            for position in range(inputs):
                voter.check_input(position)
        size, generator = prepared.batch_size, np.random.default_rng()
        why = why_places_matter(
            prepared.noise,
            num_features=fewest_features(prepared.form, prepared.noise),
            batch_size=size,
        )

        def check(position: int, start: int, *, ends: bool = False) -> None:
            found = check_rows(
                voter, [(position, start)], generator=generator, ends=ends, places=why is not None
            )
            refuse_places(found, why)

        check(0, 0)
        counts = count_all(
            voter,
            num_inputs=inputs,
            num_samples=num_samples,
            num_classes=classifier.num_classes,
            on_progress=lambda _done, _total, _note: None,
        )
        check(inputs - 1, (num_samples - 1) // size * size, ends=True)
        unanswered = classifier.undefined.in_words()
        if unanswered:
            warnings.warn(unanswered, stacklevel=2)
        return counts
