"""Inputs that differ in their numbers of features: how many each has, and which are too short."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from topcert.datasets.dataset import Dataset
from topcert.modalities.input_form import Form
from topcert.modalities.registered_modalities import count_in_words
from topcert.noise.ablation import Ablation
from topcert.noise.law import Noise, of_law
from topcert.theory.attacker import REWRITE

NAMED: Final = 5  # short inputs that are named


def of_enough_features(dataset: Dataset, form: Form, noise: Noise) -> Dataset:
    """The inputs that have as many features as a mask keeps, with the numbers of these; `notes` of
    the others name them.

    Raises ValueError where there are none.
    """
    kept = of_law(noise, Ablation).kept
    shapes = [dataset.read(position).shape for position in range(len(dataset))]
    sizes = np.array([form.modality.split(shape, form.unit)[1] for shape in shapes], np.int64)
    enough = np.flatnonzero(sizes >= kept)
    short = np.flatnonzero(sizes < kept)
    if not len(short):
        return replace(dataset, sizes=sizes)
    if not len(enough):
        raise ValueError(
            f"no input of {dataset.name} has the {count_in_words(kept, form.unit)} that each mask"
            " keeps; choose a smaller --keep"
        )
    notes = [
        f"{dataset.in_words(place)} has {count_in_words(int(sizes[place]), form.unit)}, fewer than"
        f" the {kept} that each mask keeps: nothing is certified of it, and it counts nowhere"
        for place in short[:NAMED].tolist()
    ]
    if len(short) > NAMED:
        notes.append(f"so it is of {len(short) - NAMED} more inputs")
    names = dataset.input_names
    return replace(
        dataset,
        indices=dataset.indices[enough],
        labels=None if dataset.labels is None else dataset.labels[enough],
        read=lambda position: dataset.read(int(enough[position])),
        input_names=None if names is None else tuple(names[place] for place in enough),
        sizes=sizes[enough],
        notes=(*dataset.notes, *notes),
    )


def check_planes(form: Form, x: NDArray[np.floating]) -> None:
    """Raise ValueError where the features of an input tell where they stand, and an attacker may
    insert and delete some.
    """
    if not set(form.modality.moves) - {REWRITE}:
        return
    longer = np.concatenate([x[:1], x])
    planes, after = (form.modality.planes(one, form.unit) for one in (x, longer))
    if after.shape[1] != planes.shape[1] + 1 or not np.array_equal(planes, after[:, 1:]):
        raise ValueError(
            f"the modality {form.kind} cuts an input into features that change when one is inserted"
            " before them, so nothing can be certified against insertions and deletions; features"
            " lie along the first axis, and none may tell its place"
        )
