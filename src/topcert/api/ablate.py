"""Ablated batches for training loops of a person's own."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray

from topcert.api.python_words import python_words
from topcert.datasets.array_inputs import read_inputs
from topcert.datasets.data_in_memory import plain
from topcert.modalities.input_form import Form
from topcert.modalities.make_encoder import make_encoder
from topcert.modalities.registered_modalities import known_modality, usual_modality
from topcert.randomization.masks import TRAIN, draw_masks
from topcert.theory.scalars import whole_number


def ablate(
    batch: Any,
    *,
    num_kept: int,
    seed: int,
    start: int = 0,
    encoding: str | None = None,
    unit: str | None = None,
    fill: NDArray[np.floating] | float | None = None,
    channels: str | None = None,
) -> Any:
    """Each input of a batch under a mask of its own, encoded as a smoothed classifier is asked.

    The masks are of another domain than those of any certificate: whatever the seed, none of them
    is drawn for one, so a network is never certified on masks that it was trained on.

    Parameters
    ----------
    batch
        An array or a torch tensor: images `(B, H, W, C)` or `(B, C, H, W)`, tables `(B, columns)`,
        sets of points `(B, points, coordinates)`; floats.
    num_kept
        How many features each mask keeps (e).
    seed, start
        Input i has mask number `start + i` of the stream of `seed`. Move `start` on by B each step,
        so that no two steps share masks.
    encoding
        How hidden features are shown; None for what suits the inputs: "six-channel" for images,
        "sentinel" for tables, "keep-only" for points.
    unit
        "pixel", "feature", "column" or "point"; None for what suits the inputs.
    fill
        What stands for a hidden value in "constant" (0.5), "sentinel" (-1), "mean" and "median".
    channels
        "first" or "last" where the shape of images leaves it in doubt.

    Returns
    -------
    ndarray or Tensor
        As the model is given it: images `(B, C, H, W)`, or twice the channels; what `batch` was,
        of its dtype and on its device.

    Raises
    ------
    ValueError
        Where anything does not fit or is in doubt.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> batch = np.zeros((2, 8, 8, 3), np.float32)
    >>> topcert.ablate(batch, num_kept=5, seed=0).shape
    (2, 6, 8, 8)
    >>> (topcert.ablate(np.ones((3, 4)), num_kept=2, seed=0) == 1).sum(axis=1)
    array([2, 2, 2])
    """
    with python_words():
        torch = sys.modules.get("torch")
        tensor = torch is not None and isinstance(batch, torch.Tensor)
        values = plain(batch) if tensor else np.asarray(batch)
        shown = _shown(
            values,
            num_kept=whole_number(num_kept, "num_kept"),
            seed=whole_number(seed, "seed"),
            start=whole_number(start, "start"),
            encoding=encoding,
            unit=unit,
            fill=fill,
            channels=channels,
        )
    if torch is not None and tensor:
        return torch.from_numpy(shown).to(device=batch.device, dtype=batch.dtype)
    return shown


def _shown(
    values: NDArray[np.floating],
    *,
    num_kept: int,
    seed: int,
    start: int,
    encoding: str | None,
    unit: str | None,
    fill: NDArray[np.floating] | float | None,
    channels: str | None,
) -> NDArray[np.floating]:
    if values.dtype.kind != "f":
        raise ValueError(f"batch must hold floats, got {values.dtype}; scale it first: x / 255")
    span = (float(values.min()), float(values.max())) if values.size else (0.0, 0.0)
    named = None if unit is None else known_modality(values.shape[1:], unit)
    modality = named or usual_modality(values.ndim - 1)
    ranged = modality is not None and modality.ranged
    found = read_inputs(
        values,
        "batch",
        unit=unit,
        labelled=True,  # a batch is several inputs
        channels=channels,
        value_range=(span[0], span[1] + 1.0) if ranged else None,  # any that training makes
    )
    form = Form(shape=found.x.shape[1:], unit=unit or found.modality.unit)
    inputs = np.asarray(found.x)
    encoder = make_encoder(
        encoding or found.modality.encoding.name,
        shape=form.shape,
        unit=form.unit,
        batch_size=1,
        fill=fill,
        dtype=inputs.dtype,
    )
    planes = [form.planes(x) for x in inputs]
    num_features = form.num_features
    if not 1 <= num_kept <= num_features:
        raise ValueError(
            f"num_kept must lie in 1 .. {num_features}, the {form.units} of an input, got"
            f" {num_kept}"
        )
    kept = draw_masks(
        seed=seed,
        start=start,
        stop=start + len(inputs),
        num_features=num_features,
        num_kept=num_kept,
        domain=TRAIN,
    )
    return np.concatenate(
        [encoder(plane, mask[None]).copy() for plane, mask in zip(planes, kept, strict=True)]
    )
