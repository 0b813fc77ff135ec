"""Votes on arrays in Python, for those who need no ledger."""

from __future__ import annotations

import secrets
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topcert.classifiers.loading import wrap
from topcert.datasets.array_inputs import Channels, read_inputs
from topcert.noise.ablation import Ablation
from topcert.randomization.encodings import (
    DEFAULT_ENCODING,
    DEFAULT_UNIT,
    Unit,
    grey_of,
    make_encoder,
    to_planes,
)
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
    unit: Unit | None = None,
    fill: NDArray[np.floating] | float | None = None,
    num_classes: int | None = None,
    output: str | None = None,
    num_named: int = 1,
    batch_size: int | None = None,
    device: str = "auto",
    channels: Channels | None = None,
    value_range: tuple[float, float] | None = None,
) -> NDArray[np.int64]:
    """How often each class is named over `num_samples` random ablations of each input, int64
    `(inputs, classes)`.

    `model` is a torch module, a fitted scikit-learn estimator, or any callable from a batch to
    scores `(B, classes)` or integer labels `(B,)` (then give `num_classes`); of several outputs
    `output` is taken, by its name or place. Each ablated input names its `num_named` best labels,
    so a row of the result sums to num_samples * num_named; a callable may give these labels
    themselves, integers `(B, num_named)`, the best first, all different. `x` holds booleans,
    integers or floats: images `(inputs, H, W, C)` or `(inputs, C, H, W)`, tables `(inputs,
    columns)`, or sets of points `(inputs, points, coordinates)`. Where its shape leaves in doubt
    which it is, `unit` ("pixel", "feature", "column" or "point") says so, and `channels` ("first"
    or "last") where the channels of images are. Values of images must lie in `value_range`, [0, 1]
    unless given: the range that the model was trained on. Bytes (uint8) are scaled to it, and to
    [0, 1] for tables; nothing else is changed. `encoding` and `unit` default to six-channel pixels,
    sentinel columns and keep-only points; the default fill of "constant" is the middle of the
    range. Every input sees the same masks, those of `seed`; without one it is drawn afresh from the
    system at every call, so name one to have the same votes again. Input and model must have been
    fixed before it was drawn. A torch module is put into evaluation mode. Warns where the model had
    no answer for some votes. Raises ValueError where anything does not fit or is in doubt, or a
    trial finds that an answer depends on the other rows of its batch (then `batch_size=1` may help)
    or on what was asked before: the classifier must be a function of one row. An object that is
    given here cannot be loaded a second time, as `certify` does with a model that it knows by name,
    so one that remembers by less than the whole row (by its mask, say) goes unnoticed.
    """
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
    used_unit = unit or DEFAULT_UNIT[found.kind]
    name = encoding or DEFAULT_ENCODING[found.kind]
    if found.moved and np.ndim(fill if fill is not None else 0) == 3:
        fill = np.moveaxis(np.asarray(fill), 0, 2)
    if name == "constant" and fill is None:
        fill = grey_of(value_range)
    shape = inputs.shape[1:]
    num_features = to_planes(inputs[0], used_unit).shape[1]
    if not 1 <= num_kept <= num_features:
        raise ValueError(
            f"num_kept must lie in 1 .. {num_features}, the {used_unit}s of an input, got"
            f" {num_kept}"
        )

    def ablation(size: int) -> Masking:
        return Masking(
            unit=used_unit,
            encoder=make_encoder(
                name, shape=shape, unit=used_unit, batch_size=size, fill=fill, dtype=inputs.dtype
            ),
            seed=drawn,
            num_features=num_features,
            num_kept=num_kept,
            num_masks=num_samples,
            batch_size=size,
        )

    def rows(count: int) -> NDArray[np.floating]:
        """The first input under the first masks, on which the model is tried."""
        one = ablation(count)
        return one.batch(one.hold(inputs[0]), 0).copy()

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
            f"num_classes is {num_classes}, the model has {classifier.num_classes}; leave it out"
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

    why = why_places_matter(Ablation(num_kept=num_kept), num_features=num_features, batch_size=size)

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
    told = classifier.undefined.in_words()
    if told:
        warnings.warn(told, stacklevel=2)
    return counts
