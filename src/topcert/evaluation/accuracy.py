"""Certified top-k accuracy (paper, Section 3): the share of inputs whose true label has radius r or
more.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.files import replacing
from topcert.methods.certificate_table import CertificateTable

ACCURACY: Final = "certified top-k accuracy"
PREDICTION: Final = "share of inputs whose prediction is certified at r"
SHOWN: Final = "share of shown labels certified"  # what release 0.1.0 gave of unlabelled data


@final
@dataclass(frozen=True, kw_only=True)
class AccuracyCurve:
    """`certified[r]` of `total` at radius r = 0, 1, ... up to the first radius that nothing
    reaches.

    `quantity` says of what: `ACCURACY` (inputs whose true label is certified; for predicted labels
    it must also be shown), or, without true labels, `PREDICTION`: no accuracy, but the distribution
    of the radii of what the votes chose.
    """

    k: int
    quantity: str
    certified: NDArray[np.int64]
    total: int

    def at(self, radius: int) -> float:
        """The share at a radius; 0 beyond the curve's end."""
        return float(self.certified[radius] / self.total) if radius < len(self.certified) else 0.0


def accuracy_curves(
    certificates: CertificateTable, true_labels: Mapping[int, int] | None
) -> list[AccuracyCurve]:
    """One curve for each k, ascending; `true_labels` maps an input's index to its label, None where
    there are none.

    Then the label of an input is its prediction: the most voted one, or that which a first sample
    selected. Raises ValueError where a certificate stands there twice: a share could exceed 1.
    """
    curves = []
    for k in np.unique(certificates.k).tolist():
        rows = certificates.k == k
        index, label, radius = (
            certificates.index[rows],
            certificates.label[rows],
            certificates.radius[rows],
        )
        inputs, first = np.unique(index, return_index=True)
        found, times = np.unique(np.stack([index, label], axis=1), axis=0, return_counts=True)
        if times.max(initial=1) > 1:
            place, named = found[times.argmax()].tolist()
            raise ValueError(
                f"input {place} has {times.max()} certificates of label {named} for k = {k}; one is"
                " needed"
            )
        if true_labels is None:
            curves.append(curve_of(k, PREDICTION, radius[first], total=len(inputs)))
        else:
            named = label == np.array([true_labels[place] for place in index.tolist()])
            curves.append(curve_of(k, ACCURACY, radius[named], total=len(inputs)))
    return curves


def shown_curves(certificates: CertificateTable) -> list[AccuracyCurve]:
    """The curves that release 0.1.0 wrote of unlabelled data: the share of all shown labels,
    whatever their rank.
    """
    radii = {
        k: certificates.radius[certificates.k == k] for k in np.unique(certificates.k).tolist()
    }
    return [curve_of(k, SHOWN, radius, total=len(radius)) for k, radius in radii.items()]


def curve_of(k: int, quantity: str, radius: NDArray[np.int64], *, total: int) -> AccuracyCurve:
    """The curve of certificates with these radii, of which `total` stand for the whole."""
    beyond = max(int(radius.max(initial=-1)) + 1, 0)
    certified = np.array([int((radius >= r).sum()) for r in range(beyond + 1)], np.int64)
    return AccuracyCurve(k=k, quantity=quantity, certified=certified, total=total)


COLUMNS = ("k", "radius", "certified", "total", "share", "quantity")


def curve_rows(curves: list[AccuracyCurve]) -> list[tuple[str, ...]]:
    """Rows of accuracy.csv under COLUMNS; shares are floored at six decimals."""
    return [
        (
            str(curve.k),
            str(r),
            str(hits),
            str(curve.total),
            floored(hits, curve.total, 6),
            curve.quantity,
        )
        for curve in curves
        for r, hits in enumerate(curve.certified.tolist())
    ]


def write_accuracy(curves: list[AccuracyCurve], path: Path) -> None:
    with replacing(path) as aside, aside.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(curve_rows(curves))


def read_accuracy(path: Path) -> list[tuple[str, ...]]:
    """The rows of accuracy.csv. Raises ValueError where it is missing or has other columns."""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            header, *rows = list(csv.reader(file)) or [[]]
    except FileNotFoundError as error:
        raise ValueError(
            f"{path} is missing; the whole certify command with --resume writes it"
        ) from error
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path} is damaged ({error})") from error
    if tuple(header) != COLUMNS:
        raise ValueError(f"{path} is damaged: its columns are {header}")
    return [tuple(row) for row in rows]


def floored(part: int, whole: int, decimals: int) -> str:
    """`part / whole` as text, cut after `decimals` digits: never rounded up."""
    scaled = part * 10**decimals // whole
    return f"{scaled // 10**decimals}.{scaled % 10**decimals:0{decimals}d}"


def floored_float(value: float, decimals: int) -> str:
    """A finite number of at least 0 as text, its exact value cut after `decimals` digits; `inf` as
    it is.
    """
    return "inf" if math.isinf(value) else floored(*value.as_integer_ratio(), decimals)
