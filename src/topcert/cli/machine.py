"""`--json`: one object on standard output, and what people read on standard error."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from topcert.cli.progress import console
from topcert.evaluation.accuracy import AccuracyCurve, floored
from topcert.methods.certificate_table import CertificateTable
from topcert.theory.certified_radius import ABSTAIN


def choose_json(asked: bool) -> bool:
    """The callback of `--json`: what is printed for people goes to standard error, so that the
    object is alone.
    """
    console.file = sys.stderr if asked else None  # type: ignore[assignment]  # None: standard output, whichever it is
    return asked


def print_json(found: Any) -> None:
    """Print an object; numbers that JSON does not have are text."""
    text = json.dumps(_plain(found), indent=2, ensure_ascii=False, allow_nan=False)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:  # a file whose name is no text, or a terminal of few letters
        text = json.dumps(_plain(found), indent=2, allow_nan=False)
    sys.stdout.write(text + "\n")


def radius_or_none(radius: int) -> int | None:
    """None where nothing is certified."""
    return None if radius == ABSTAIN else int(radius)


def summary(
    certificates: CertificateTable,
    curves: Sequence[AccuracyCurve],
    folder: Path,
    *,
    raw_input: str | None,
    radii: Sequence[int] | None = None,
) -> dict[str, Any]:
    """What `certify` and `evaluate` found: shares floored at six decimals, at each radius up to the
    first that none has.

    Or at `radii` alone, each once and in order. `raw_input` says what an attacker of the raw input
    can do to the certified array; None where the array is that input.
    """
    return {
        "folder": str(folder),
        "method": certificates.method,
        "bounds": certificates.bounds,
        "alpha": certificates.alpha,
        "label_choice": certificates.label_choice,
        "unit": certificates.unit,
        "moves": list(certificates.attacker.moves),
        "num_named": certificates.num_named,
        "raw_input": raw_input,
        "curves": [
            _curve(curve, range(len(curve.certified)) if radii is None else radii)
            for curve in curves
        ],
    }


def _curve(curve: AccuracyCurve, radii: Sequence[int]) -> dict[str, Any]:
    certified = [int(curve.certified[r]) if r < len(curve.certified) else 0 for r in radii]
    return {
        "k": curve.k,
        "quantity": curve.quantity,
        "total": curve.total,
        "radius": list(radii),
        "certified": certified,
        "share": [float(floored(hits, curve.total, 6)) for hits in certified],
    }


def _plain(found: Any) -> Any:
    if isinstance(found, dict):
        return {str(name): _plain(value) for name, value in found.items()}
    if isinstance(found, (list, tuple)):
        return [_plain(value) for value in found]
    if isinstance(found, np.ndarray | np.generic):
        return _plain(found.tolist())
    return str(found) if isinstance(found, float) and not math.isfinite(found) else found
