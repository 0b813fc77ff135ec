"""Chiang et al. 2020: interval bounds of a ReLU network. Deterministic: it is about the network
itself, not about a vote.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from topcert.methods.certificate_table import CertificateTable, LabelChoice
from topcert.methods.method import Method
from topcert.theory.interval_bounds import certified_radius_intervals, scores
from topcert.theory.interval_layers import Layer


@final
class Chiang(Method):
    """Every margin stays positive while any r pixels take any values in [0, 1]."""

    name: ClassVar[str] = "chiang"
    noise: ClassVar[str] = "none"
    norm: ClassVar[str] = "l0"
    needs: ClassVar[str] = "an .onnx network of convolutions, linear maps and ReLUs"
    guarantee: ClassVar[str] = "deterministic, no failure probability; for changes within [0, 1]"


METHOD = Chiang()


def certify_bounded(
    layers: Sequence[Layer],
    images: NDArray[np.floating],
    labels: NDArray[np.int64] | None,
    *,
    ks: Sequence[int],
    max_radius: int,
    index: NDArray[np.int64],
) -> CertificateTable:
    """Certificates of images `(inputs, C, H, W)` in [0, 1], radii up to `max_radius` pixels; alpha
    is 0.

    Of `labels` int `(inputs,)`, or (None) of the k best scored labels for each k, best first.
    Raises ValueError as `certified_radius_intervals` does.
    """
    distinct = sorted(set(ks))
    choice: LabelChoice = "predicted" if labels is None else "given"
    if labels is None:
        order = np.argsort(-scores(layers, images), axis=1, kind="stable")[:, : max(distinct)]
        shown = [(k, order[:, rank]) for k in distinct for rank in range(k)]
        radii = [
            certified_radius_intervals(layers, images, label, max_radius=max_radius, k=k)
            for k, label in shown
        ]
    else:
        shown = [(k, labels) for k in distinct]
        found = certified_radius_intervals(
            layers, images, labels, max_radius=max_radius, k=distinct
        )
        radii = [found[:, column] for column in range(len(distinct))]
    return CertificateTable(
        index=np.repeat(index, len(shown)),
        label=np.stack([label for _, label in shown], axis=1).reshape(-1),
        k=np.tile(np.array([k for k, _ in shown], np.int64), len(images)),
        radius=np.stack(radii, axis=1).reshape(-1),
        unit="pixel",
        method=METHOD.name,
        alpha=0.0,
        label_choice=choice,
    )
