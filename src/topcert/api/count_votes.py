"""Votes on arrays in Python, for those who need no ledger."""

from __future__ import annotations

import secrets
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topcert.api.python_words import python_words
from topcert.classifiers.loading import wrap
from topcert.datasets.array_inputs import read_inputs
from topcert.modalities.image import Channels
from topcert.modalities.input_form import Form
from topcert.modalities.make_encoder import make_encoder
from topcert.noise.ablation import Ablation
from topcert.randomization.mask_streams import usual_stream
from topcert.randomization.randomizer import Masking
from topcert.theory.scalars import whole
from topcert.voting.rows import check_rows, refuse_places, why_places_matter
from topcert.voting.voter import Voter, count_all, default_batch_size, trial_size


def count_votes(
    model: Any,
    x: ArrayLike,
    *,
    num_kept: int,
    num_samples: int,
    seed: int | None = None,
    encoding: str | None = None,
    unit: str | None = None,
    fill: NDArray[np.floating] | float | None = None,
    num_classes: int | None = None,
    output: str | None = None,
    num_named: int = 1,
    batch_size: int | None = None,
    device: str = "auto",
    channels: Channels | None = None,
    value_range: tuple[float, float] | None = None,
) -> NDArray[np.int64]:
    """How often each class is named over random ablations of each input.

    Every input sees the same masks. Inputs and model must have been fixed before `seed` was drawn.
    A torch module is put into evaluation mode. Warns where the model had no answer for some votes.

    Parameters
    ----------
    model
        A torch module, a fitted scikit-learn estimator, or any callable from a batch to scores
        `(B, classes)`, integer labels `(B,)` or ranked labels `(B, num_named)`, the best first, all
        different (for labels give `num_classes`).
    x
        Booleans, integers or floats: images `(inputs, H, W, C)` or `(inputs, C, H, W)`, tables
        `(inputs, columns)`, sets of points `(inputs, points, coordinates)`. Bytes (uint8) are
        scaled to `value_range`, and to [0, 1] for tables; nothing else is changed.
    num_kept
        How many features each mask keeps (e).
    num_samples
        Votes of each input (n).
    seed
        Names the masks; None draws one afresh from the system at every call.
    encoding
        How hidden features are shown; None for six-channel pixels, sentinel columns and keep-only
        points.
    unit
        "pixel", "feature", "column" or "point"; needed where the shape leaves it in doubt.
    fill
        What stands for a hidden value; in "constant" the middle of the range unless given.
    num_classes
        How many classes there are; needed where the model gives labels.
    output
        Which of several outputs of the model is taken, by its name or place.
    num_named
        How many labels each vote names, the best first (w).
    batch_size
        Ablated inputs a batch; None for what suits the model.
    device
        "auto", "cpu", "cuda" or "cuda:N", for torch modules.
    channels
        "first" or "last", where the shape of images leaves it in doubt.
    value_range
        The range of the values of images that the model was trained on; [0, 1] unless given.

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
    The model must be a function of one row. An object that is given here cannot be loaded a second
    time, as the command does with a model that it knows by name. So a model that remembers rows by
    less than all of it (by the mask, say) goes unnoticed.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> x = np.random.default_rng(0).random((2, 12))
    >>> counts = topcert.count_votes(
    ...     lambda batch: batch[:, :3], x, num_kept=6, num_samples=100, seed=0)
    >>> counts.sum(axis=1)
    array([100, 100])
    """
    with python_words():
        num_kept, num_samples = whole(num_kept, "num_kept"), whole(num_samples, "num_samples")
        seed = None if seed is None else whole(seed, "seed")
        num_classes = None if num_classes is None else whole(num_classes, "num_classes")
        batch_size = None if batch_size is None else whole(batch_size, "batch_size")
        num_named = whole(num_named, "num_named")
        found = read_inputs(x, "x", unit=unit, channels=channels, value_range=value_range)
        inputs = found.x
        if num_samples < 1:
            raise ValueError(f"num_samples must be at least 1, got {num_samples}")
        if seed is not None and not 0 <= seed < 2**64:
            raise ValueError(f"seed must lie in 0 .. 2^64 - 1, got {seed}")
        if batch_size is not None and batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {batch_size}")
        drawn = secrets.randbits(63) if seed is None else seed
        form = Form(shape=inputs.shape[1:], unit=unit or found.modality.unit)
        if found.moved and np.ndim(fill if fill is not None else 0) == len(form.shape):
            fill = form.modality.from_channels_first(np.asarray(fill))
        num_features = form.num_features
        if not 1 <= num_kept <= num_features:
            raise ValueError(
                f"num_kept must lie in 1 .. {num_features}, the {form.units} of an input, got"
                f" {num_kept}"
            )

        def ablation(size: int) -> Masking:
            return Masking(
                unit=form.unit,
                encoder=make_encoder(
                    encoding or form.modality.encoding.name,
                    shape=form.shape,
                    unit=form.unit,
                    batch_size=size,
                    fill=fill,
                    dtype=inputs.dtype,
                    value_range=value_range,
                ),
                seed=drawn,
                num_features=num_features,
                num_kept=num_kept,
                num_masks=num_samples,
                batch_size=size,
                stream=usual_stream(num_features=num_features, num_kept=num_kept),
            )

        def rows(count: int) -> NDArray[np.floating]:
            """The first input under the first masks, on which the model is tried."""
            one = ablation(count)
            prepared = one.prepare(inputs[0])
            if count == 1:
                one.check(prepared)
            return one.batch(prepared, 0).copy()

        example = rows(trial_size(rows(1).size))
        classifier = wrap(
            model,
            example=example,
            device=device,
            num_classes=num_classes,
            output=output,
            depth=num_named,
        )
        if num_classes not in (None, classifier.num_classes):
            raise ValueError(
                f"num_classes is {num_classes}, the model has {classifier.num_classes}; leave it"
                " out"
            )
        size = batch_size or default_batch_size(
            num_samples=num_samples, cells_per_input=example[0].size, classifier=classifier
        )
        voter = Voter(
            read=lambda position: inputs[position],
            randomizer=ablation(size),
            classifier=classifier,
            num_inputs=len(inputs),
        )
        generator = np.random.default_rng()

        why = why_places_matter(
            Ablation(num_kept=num_kept), num_features=num_features, batch_size=size
        )

        def check(position: int, start: int, *, ends: bool = False) -> None:
            found = check_rows(
                voter, [(position, start)], generator=generator, ends=ends, places=why is not None
            )
            refuse_places(found, why)

        check(0, 0)
        counts = count_all(
            voter,
            num_inputs=len(inputs),
            num_samples=num_samples,
            num_classes=classifier.num_classes,
            on_progress=lambda _done, _total, _note: None,
        )
        check(len(inputs) - 1, (num_samples - 1) // size * size, ends=True)
        unanswered = classifier.undefined.in_words()
        if unanswered:
            warnings.warn(unanswered, stacklevel=2)
        return counts
