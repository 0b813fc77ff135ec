"""A request with data and model loaded, every choice made, and refused where things do not fit."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.classifier import Classifier, ShapeError
from topcert.classifiers.loading import load_classifier
from topcert.classifiers.trained import trained_encoding
from topcert.datasets.class_order import order_classes, warning_of_label_zero
from topcert.datasets.dataset import Dataset
from topcert.modalities.input_form import Form
from topcert.modalities.registered_modalities import check_unit
from topcert.voting.lengths import check_planes, of_enough_features
from topcert.voting.prepared_run import Prepared
from topcert.voting.request import Request
from topcert.voting.voter import default_batch_size, trial_size

STOPPING_BATCH: Final = 32  # no input can stop before; larger batches are seldom faster on a CPU


def prepare(request: Request, *, recorded_batch_size: int | None = None) -> Prepared:
    """Load data and model and make every choice that the request leaves open.

    A recorded batch size is kept where the request names none. Raises ValueError, naming the value
    and the fix, where anything does not fit anything else.
    """
    if request.num_samples < 1:
        raise ValueError(f"--samples must be at least 1, got {request.num_samples}")
    if request.num_selection < 0:
        raise ValueError(f"--selection must be at least 0, got {request.num_selection}")
    if request.stopping is not None and request.stopping.selects != bool(request.num_selection):
        raise ValueError(
            f"--selection {request.num_selection} is a first sample that selects a label, and"
            f" --stop asks about labels that are {request.stopping.label}; --selection and --label"
            " selected go together"
        )
    if not 0 <= request.seed < 2**64:
        raise ValueError(f"--seed must lie in 0 .. 2^64 - 1, got {request.seed}")
    dataset = (
        request.reading.load(request.data, unit=request.unit)
        if request.data_in_memory is None
        else request.data_in_memory.load(request.reading, unit=request.unit)
    )
    form = Form(
        shape=dataset.shape,
        unit=_unit(request.unit, dataset),
        name=dataset.name,
        dtype=dataset.dtype,
        value_range=request.reading.value_range,
        read_reference=dataset.read_reference,
    )
    if request.stopping is not None and not form.modality.attacker.rewrites_alone:
        raise ValueError(
            "--stop is proven for attackers who rewrite, and of such inputs one"
            f" {form.modality.attack_in_words(form.unit)}; use --samples"
        )
    noise = request.noise.suited(request.model, trained_encoding(request.model)).fitted(
        form, num_samples=request.num_samples, num_selection=request.num_selection
    )
    request = dataclasses.replace(request, noise=noise)
    if form.any_length:
        dataset = of_enough_features(dataset, form, noise)
    example = _example(request, dataset, form)
    try:
        load = (
            partial(load_classifier, request.model)
            if request.model_in_memory is None
            else request.model_in_memory.load
        )
        classifier = load(
            example=example,
            device=request.device,
            num_classes=request.num_classes,
            output=request.output,
            refuse_labels=request.refuse_labels,
            depth=request.num_named,
            torch_options=request.torch_options,
        )
    except ShapeError as error:
        raise ValueError(
            _other_size(request, dataset, example.shape[1:], error.wanted) or str(error)
        ) from error
    if request.threads is not None:
        classifier.limit_threads(request.threads)
    if request.num_classes not in (None, classifier.num_classes):
        raise ValueError(
            f"{request.num_classes} classes are named, {request.model} has"
            f" {classifier.num_classes}; leave --classes out"
        )
    if classifier.num_classes < 2:
        raise ValueError(
            f"{request.model} has {classifier.num_classes} class; a top k needs at least 2"
        )
    request, dataset = _with_classes(request, dataset, classifier)
    if (
        request.stopping is not None
        and request.stopping.label == "given"
        and dataset.labels is None
    ):
        raise ValueError(
            f"--stop certifies given labels, and {request.data} has none; use --label selected, or"
            " add labels"
        )
    num_votes = request.num_selection + request.num_samples
    chosen = recorded_batch_size if request.batch_size is None else request.batch_size
    if chosen is None:
        chosen = default_batch_size(
            num_samples=num_votes, cells_per_input=example[0].size, classifier=classifier
        )
        if request.stopping is not None and classifier.batch_size is None:
            chosen = min(chosen, STOPPING_BATCH)
    if chosen < 1:
        raise ValueError(f"--batch-size must be at least 1, got {chosen}")
    if classifier.batch_size not in (None, chosen):
        raise ValueError(
            f"--batch-size is {chosen}, but {request.model} takes {classifier.batch_size} only;"
            " leave it out"
        )
    return Prepared(
        request=request,
        dataset=dataset,
        form=form,
        classifier=classifier,
        cells_per_input=example[0].size,
        batch_size=chosen,
    )


def _example(request: Request, dataset: Dataset, form: Form) -> NDArray[np.floating]:
    """The first input under the run's first draws, on which a model is tried."""

    def rows(count: int) -> NDArray[np.floating]:
        randomizer = request.noise.randomizer(
            form,
            seed=request.seed,
            num_samples=request.num_samples,
            num_votes=count,
            batch_size=count,
        )
        prepared = randomizer.prepare(dataset.read(0))
        if count == 1:
            check_planes(form, dataset.read(0))
            randomizer.check(prepared)
        # a model may work in place
        return randomizer.batch(prepared, 0).copy()

    return rows(trial_size(rows(1).size))


def _other_size(
    request: Request, dataset: Dataset, given: tuple[int, ...], wanted: tuple[int | None, ...]
) -> str:
    """What to say where the pictures of a folder have another size than the model takes, and
    nothing else is wrong.
    """
    side = wanted[-1]
    folder = dataset.input_names is not None and request.data != "imagenet"
    if (
        not folder
        or side is None
        or wanted[1:] != (side, side)
        or wanted[0] not in (None, given[0])
    ):
        return ""
    height, width, _ = dataset.shape
    return (
        f"{request.model} takes images of {side} x {side} pixels, those of {request.data} are"
        f" {width} x {height}; give --resize {side} --crop {side}: the certified input is then the"
        " central square after resizing"
    )


def _with_classes(
    request: Request, dataset: Dataset, classifier: Classifier
) -> tuple[Request, Dataset]:
    """The data's classes as the model numbers them; the request says so where labels are left
    out.
    """
    reading = request.reading
    if reading.unlabelled:
        dataset = dataclasses.replace(dataset, labels=None)
    ordered = order_classes(
        dataset,
        model=request.model,
        num_classes=classifier.num_classes,
        model_names=classifier.class_names,
        given=reading.class_names,
        unmatched=request.unmatched,
    )
    left_out = reading.unlabelled or (dataset.labels is not None and ordered.labels is None)
    missed = (
        ordered.label_range
        if ordered.labels is not None and warning_of_label_zero(ordered, classifier.num_classes)
        else None
    )
    reading = dataclasses.replace(
        reading, unlabelled=left_out, lowest_label=None if missed is None else missed[0]
    )
    return dataclasses.replace(request, reading=reading), ordered


def _unit(given: str | None, dataset: Dataset) -> str:
    if given is None:
        return dataset.modality.unit
    check_unit(given)
    return given
