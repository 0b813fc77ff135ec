"""Certificates of a network from its weights (Chiang et al. 2020), as an object."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from topcert.api.certificates import Certificates
from topcert.api.origins import FromWeights
from topcert.api.python_words import python_words
from topcert.datasets.dataset import Dataset
from topcert.datasets.from_memory import in_memory_unless_named
from topcert.datasets.reading import Reading
from topcert.evaluation.bounded_results import BoundedResults
from topcert.evaluation.bounded_results import certify_network as bound_network
from topcert.evaluation.choices import listed_ks
from topcert.files import path_of
from topcert.methods.certificate_table import LabelChoice
from topcert.progress.shown import Shown, stages
from topcert.theory.scalars import whole_number
from topcert.voting.named_files import absolute_if_file

MAX_RADIUS: Final = 32


def certify_network(
    model: str | Path,
    x: Any,
    labels: Any = None,
    *,
    k: int | Sequence[int] = 1,
    max_radius: int = MAX_RADIUS,
    label_choice: LabelChoice | None = None,
    reading: Reading | None = None,
    progress: Shown = None,
) -> Certificates:
    """Bound the scores of a network over everything that an attacker may write.

    This is the method "chiang": no votes, no noise, no chance of error. It is about the network
    itself, which must be trained for it.

    Parameters
    ----------
    model
        An .onnx file of dense layers and ReLU.
    x, labels
        Images in [0, 1] and their labels, as `SmoothedClassifier.vote` takes them.
    k
        One k or several.
    max_radius
        The largest radius that is looked for, in pixels.
    label_choice
        "given" or "predicted"; None for given labels where there are some.
    reading, progress
        As of `SmoothedClassifier.vote`.

    Returns
    -------
    Certificates
        One for each input and k, without a chance of error.

    Raises
    ------
    ValueError
        Where the inputs are no images in [0, 1], or the network holds what bounds cannot follow.

    References
    ----------
    Chiang et al., Certified defenses for adversarial patches, ICLR 2020, for its sparse attacks;
    docs/theory/intervals.md.

    Examples
    --------
    >>> import numpy as np, onnx, topcert
    >>> network = onnx.parser.parse_model('''
    ...     <ir_version: 8, opset_import: ["" : 17]>
    ...     brightness (float[batch, 1, 2, 2] x) => (float[batch, 2] scores)
    ...     <float[4, 2] w = {1, 0, 1, 0, 1, 0, 1, 0}, float[2] b = {0, 1.5}>
    ...     { flat = Flatten (x)  scores = Gemm (flat, w, b) }''')
    >>> onnx.save(network, "brightness.onnx")
    >>> found = topcert.certify_network(
    ...     "brightness.onnx", np.ones((1, 2, 2, 1)), [0], k=1, progress=False)
    >>> found.radii()
    array([2])
    """
    with python_words():
        check_asked(str(model), label_choice)
        reading = reading or Reading()
        in_memory = in_memory_unless_named(x, labels)
        if in_memory is None:
            reading.check(str(x))
        dataset = reading.load(str(x)) if in_memory is None else in_memory.load(reading)
        with stages(progress) as stage:
            results = bound_dataset(
                dataset,
                path_of(model, "model"),
                data=str(x) if in_memory is None else in_memory.name,
                reading=reading,
                ks=listed_ks(k) or [1],
                max_radius=whole_number(max_radius, "max_radius"),
                label=label_choice,
                on_progress=stage("bounds", unit="images"),
            )
    return Certificates(
        results.certificates,
        curves=results.curves,
        origin=FromWeights(results, raw=dataset.raw),
    )


def check_asked(model: str, label: str | None) -> None:
    """Refuse, before anything is read, a model without weights and labels that are not bounded."""
    if label not in (None, "given", "predicted"):
        raise ValueError(f"--label must be given or predicted for the method chiang, got {label!r}")
    if not model.endswith(".onnx"):
        raise ValueError(f"the method chiang reads weights from an .onnx file, got {model!r}")


def bound_dataset(
    dataset: Dataset,
    model: Path,
    *,
    data: str,
    reading: Reading,
    ks: Sequence[int],
    max_radius: int,
    label: str | None,
    on_progress: Callable[[int, int, str], None],
) -> BoundedResults:
    """Bound inputs that were read; labels are given where there are some, unless asked otherwise.

    Raises ValueError where given ones are asked for, and there are none.
    """
    if label == "given" and dataset.labels is None:
        raise ValueError(f"--label given needs labels, and {data} has none; use --label predicted")
    return bound_network(
        dataset,
        model,
        data=absolute_if_file(data),
        reading=reading,
        unmatched="leave out" if label == "predicted" else "refuse",
        ks=ks,
        max_radius=max_radius,
        label_choice=label or ("given" if dataset.labels is not None else "predicted"),
        on_progress=on_progress,
    )
