"""Deterministic certificates of a network from its weights: made, stored and checked again.

DIR/bounds.json            data, network and options, with fingerprints
DIR/certificates.parquet   as for votes, alpha being 0
DIR/accuracy.csv           the certified-accuracy curve
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Final, final

import numpy as np
import pyarrow as pa

from topcert.classifiers.layers import read_layers
from topcert.datasets.class_order import Unmatched, order_classes, warning_of_label_zero
from topcert.datasets.dataset import Dataset
from topcert.datasets.reading import Reading
from topcert.evaluation.accuracy import (
    AccuracyCurve,
    accuracy_curves,
    curve_rows,
    read_accuracy,
    shown_curves,
    write_accuracy,
)
from topcert.files import first_line, replacing
from topcert.methods.certificate_table import CertificateTable
from topcert.methods.chiang import certify_bounded
from topcert.modalities.image import IMAGE
from topcert.theory.interval_bounds import scores
from topcert.version import __version__
from topcert.voting.given_names import given_names
from topcert.voting.inputs import as_recorded, fingerprint_inputs
from topcert.voting.run import read_inputs_table

FORMAT: Final = "topcert-bounds-1"
CHUNK: Final = 50  # images between two updates of the progress bar


@final
@dataclass(frozen=True, kw_only=True)
class Bounds:
    """All that decides deterministic certificates."""

    topcert_version: str
    data: str
    data_options: dict[str, Any]
    data_fingerprint: str
    num_inputs: int
    model: str
    model_fingerprint: str
    ks: tuple[int, ...]
    max_radius: int
    label_choice: str
    format: str = FORMAT

    def to_json(self) -> str:
        return json.dumps(asdict(self), indent=2, sort_keys=True) + "\n"

    def digest(self) -> str:
        """SHA-256 of the text of bounds.json."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def write(self, folder: Path) -> None:
        with replacing(folder / "bounds.json") as aside:
            aside.write_text(self.to_json(), encoding="utf-8")

    @staticmethod
    def read(folder: Path) -> Bounds:
        """Raises ValueError where bounds.json is missing or damaged."""
        path = folder / "bounds.json"
        try:
            text = path.read_text(encoding="utf-8")
            found = json.loads(text)
            if not isinstance(found, dict) or found.keys() != {
                field.name for field in fields(Bounds)
            }:
                raise ValueError("missing or unknown entries")
            _check_entries(found)
            bounds = Bounds(**{**found, "ks": tuple(found["ks"])})
            if text != bounds.to_json():
                raise ValueError("it is not as topcert writes it")
            return bounds
        except (OSError, ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"{path} is damaged ({first_line(error)})") from error


def _check_entries(found: dict[str, Any]) -> None:
    options, ks = found["data_options"], found["ks"]
    whole = {"num_inputs": found["num_inputs"], "max_radius": found["max_radius"]}
    if found["format"] != FORMAT:
        raise ValueError(f"it is not of the format {FORMAT}")
    for name in (
        "topcert_version",
        "data",
        "data_fingerprint",
        "model",
        "model_fingerprint",
        "label_choice",
    ):
        if not isinstance(found[name], str):
            raise ValueError(f"{name} must be text, got {found[name]!r}")
    for name, value in whole.items():
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise ValueError(f"{name} must be a whole number, got {value!r}")
    if not isinstance(ks, list) or not ks or not all(isinstance(k, int) and k > 0 for k in ks):
        raise ValueError(f"ks must be positive numbers, got {ks!r}")
    if found["label_choice"] not in ("given", "predicted"):
        raise ValueError(f"label_choice must be given or predicted, got {found['label_choice']!r}")
    if not isinstance(options, dict):
        raise ValueError(f"data_options cannot be {options!r}")
    Reading.from_json(options)


@final
@dataclass(frozen=True, kw_only=True)
class BoundedResults:
    """Certificates, what decides them, and the curves."""

    bounds: Bounds
    certificates: CertificateTable
    curves: list[AccuracyCurve]
    inputs: pa.Table  # as a ledger has it


def certify_network(
    dataset: Dataset,
    model: Path,
    *,
    data: str,
    reading: Reading,
    unmatched: Unmatched = "refuse",
    ks: Sequence[int],
    max_radius: int,
    label_choice: str,
    on_progress: Callable[[int, int, str], None],
) -> BoundedResults:
    """Bound every image of `dataset`, which was read as `reading` says, through the network in the
    ONNX file `model`.

    `unmatched` is that of `order_classes`. Raises ValueError where the data are no images in [0,
    1], the network holds what bounds cannot follow, or a k or `max_radius` is out of range.
    """
    if dataset.modality is not IMAGE:
        raise ValueError(
            f"the method chiang is for images in [0, 1], and {dataset.name} holds none"
        )
    from topcert.classifiers.onnx import fingerprint_onnx  # loads ONNX Runtime

    layers = read_layers(model)
    num_classes = scores(layers, dataset.read(0).transpose(2, 0, 1)[None]).shape[1]
    dataset = order_classes(
        dataset,
        model=str(model),
        num_classes=num_classes,
        given=reading.class_names,
        unmatched=unmatched,
    )
    if dataset.label_range is not None and warning_of_label_zero(dataset, num_classes):
        reading = replace(reading, lowest_label=dataset.label_range[0])
    inputs = read_inputs_table(dataset)
    parts = []
    total = len(dataset)
    for start in range(0, total, CHUNK):
        rows = range(start, min(start + CHUNK, total))
        images = np.stack([dataset.read(row).transpose(2, 0, 1) for row in rows])
        labels = (
            None
            if label_choice == "predicted" or dataset.labels is None
            else dataset.labels[rows.start : rows.stop]
        )
        index = dataset.indices[rows.start : rows.stop]
        parts.append(
            certify_bounded(layers, images, labels, ks=ks, max_radius=max_radius, index=index)
        )
        on_progress(rows.stop, total, "")
    names = given_names(dataset.input_names, dataset.class_names)
    by_index = (
        None
        if names.inputs is None
        else dict(zip(dataset.indices.tolist(), names.inputs, strict=True))
    )
    certificates = _joined(parts).named(by_index, names.classes)
    truth = (
        None
        if dataset.labels is None
        else dict(zip(dataset.indices.tolist(), dataset.labels.tolist(), strict=True))
    )
    return BoundedResults(
        bounds=Bounds(
            topcert_version=__version__,
            data=data,
            data_options=reading.to_json(),
            data_fingerprint=fingerprint_inputs(inputs),
            num_inputs=total,
            model=str(model.resolve()),
            model_fingerprint=fingerprint_onnx(model),
            ks=tuple(sorted(set(ks))),
            max_radius=max_radius,
            label_choice=certificates.label_choice,
        ),
        certificates=certificates,
        curves=accuracy_curves(certificates, truth),
        inputs=inputs,
    )


def write_bounded(results: BoundedResults, folder: Path) -> None:
    """Write the three files into `folder`, each whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    results.bounds.write(folder)
    results.certificates.write(
        folder / "certificates.parquet", metadata={"bounds": results.bounds.digest()}
    )
    write_accuracy(results.curves, folder / "accuracy.csv")


def compare_bounded(folder: Path, made: BoundedResults) -> list[str]:
    """What in `folder` differs from certificates made again, a line each.

    Raises ValueError where data or network are not those that bounds.json names, or a file is
    damaged.
    """
    stored = Bounds.read(folder)
    data = fingerprint_inputs(as_recorded(made.inputs, stored.data_fingerprint))
    for what, given, now in (
        ("data", stored.data_fingerprint, data),
        ("model", stored.model_fingerprint, made.bounds.model_fingerprint),
    ):
        if given != now:
            raise ValueError(
                f"what was certified is not what you named: the {what} has another fingerprint"
            )
    certificates, metadata = CertificateTable.read(folder / "certificates.parquet")
    again = made.certificates
    if metadata.get("bounds") != stored.digest():
        raise ValueError(
            f"{folder / 'certificates.parquet'} was made under another bounds.json; one of them was"
            " changed"
        )
    findings = []
    for name in ("num_inputs", "ks", "max_radius", "label_choice"):
        if getattr(stored, name) != getattr(made.bounds, name):
            findings.append(
                f"bounds.json: {name} is {getattr(stored, name)}, the certificates have"
                f" {getattr(made.bounds, name)}"
            )
    for name in ("unit", "method", "alpha", "label_choice"):
        if getattr(certificates, name) != getattr(again, name):
            findings.append(
                f"certificates.parquet: {name} is {getattr(certificates, name)}, not"
                f" {getattr(again, name)}"
            )
    for name in ("l2_radius", "bounds", "votes", "settled"):
        if getattr(certificates, name) is not None:
            findings.append(
                f"certificates.parquet has the column {name}, which interval bounds do not give"
            )
    if certificates.num_named != 1:
        findings.append(
            "certificates.parquet has the column num_named, which interval bounds do not give"
        )
    for name in ("index", "label", "k", "radius"):
        if not np.array_equal(getattr(certificates, name), getattr(again, name)):
            findings.append(
                f"certificates.parquet: its column {name} is not what the network gives"
            )
    for name in ("names", "class_names"):  # which older folders do not hold
        if getattr(certificates, name) not in (None, getattr(again, name)):
            findings.append(
                f"certificates.parquet: its {name.replace('_', ' ')} are not those of the data"
            )
    older = curve_rows(shown_curves(again)) if made.inputs.column("label").null_count else None
    if read_accuracy(folder / "accuracy.csv") not in (curve_rows(made.curves), older):
        findings.append("accuracy.csv is not the accuracy of these certificates")
    return findings


def _joined(parts: list[CertificateTable]) -> CertificateTable:
    first = parts[0]
    index, label, k, radius = (
        np.concatenate([getattr(part, name) for part in parts])
        for name in ("index", "label", "k", "radius")
    )
    return CertificateTable(
        index=index,
        label=label,
        k=k,
        radius=radius,
        unit=first.unit,
        method=first.method,
        alpha=first.alpha,
        label_choice=first.label_choice,
    )
