"""From what a person asks for to a filled ledger."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast, final, get_args

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from topcert.classifiers.classifier import Classifier
from topcert.classifiers.loading import CARRIED, load_classifier
from topcert.datasets.dataset import BUILT_IN, Dataset, Kind, load_dataset
from topcert.randomization.encodings import GREY, SENTINEL, Encoder, Unit, make_encoder, to_planes
from topcert.randomization.masks import ALGORITHM
from topcert.theory.counting import check_counts
from topcert.version import __version__
from topcert.voting.ledger import Ledger, fingerprint_inputs, inputs_table
from topcert.voting.manifest import Manifest, refuse_other
from topcert.voting.sampling import batches_per_block, check_deterministic, fill
from topcert.voting.voter import Voter, default_batch_size

DEFAULT_UNIT: Final[dict[Kind, Unit]] = {"image": "pixel", "table": "column", "points": "point"}
DEFAULT_ENCODING: Final[dict[Kind, str]] = {"image": "six-channel", "table": "sentinel", "points": "keep-only"}


@final
@dataclass(frozen=True, kw_only=True)
class Request:
    """A run as a person asks for it; None means: chosen for them."""

    data: str
    model: str
    num_kept: int
    num_samples: int
    seed: int = 0
    encoding: str | None = None
    fill: float | None = None
    unit: str | None = None
    data_dir: Path | None = None
    limit: int | None = None
    stride: int | None = None
    crop: int | None = None
    device: str = "auto"
    num_classes: int | None = None
    batch_size: int | None = None


@final
@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A request with its data and model loaded and every choice made."""

    request: Request
    dataset: Dataset
    unit: Unit
    num_features: int
    encoding: str
    fill: NDArray[np.floating] | float | None
    classifier: Classifier
    cells_per_input: int
    batch_size: int

    def voter(self, *, batch_size: int | None = None, seed: int | None = None, num_samples: int | None = None) -> Voter:
        """Computes the votes of this run, or those in another batch size, under another seed or number of masks."""
        size = self.batch_size if batch_size is None else batch_size
        return Voter(
            read=self.dataset.read,
            unit=self.unit,
            encoder=_encoder(self.dataset, self.encoding, self.unit, self.fill, size),
            classifier=self.classifier,
            seed=self.request.seed if seed is None else seed,
            num_samples=self.request.num_samples if num_samples is None else num_samples,
            num_features=self.num_features,
            num_kept=self.request.num_kept,
            batch_size=size,
        )

    def manifest(self, fingerprint: str) -> Manifest:
        """The manifest of this run on data of that fingerprint."""
        request = self.request
        options: dict[str, Any] = {
            "data_dir": None if request.data_dir is None else str(request.data_dir.resolve()),
            "limit": request.limit,
            "stride": request.stride,
            "crop": request.crop,
        }
        return Manifest(
            topcert_version=__version__,
            data=_placed(request.data),
            data_options=options,
            data_fingerprint=fingerprint,
            input_shape=self.dataset.shape,
            num_inputs=len(self.dataset),
            model=_placed(request.model),
            model_fingerprint=self.classifier.fingerprint,
            num_classes=self.classifier.num_classes,
            runtime=self.classifier.runtime,
            mask_law="iid",
            mask_algorithm=ALGORITHM,
            stopping="fixed",
            seed=request.seed,
            num_samples=request.num_samples,
            num_features=self.num_features,
            num_kept=request.num_kept,
            unit=self.unit,
            encoding=self.encoding,
            fill=_fingerprint_fill(self.fill) if isinstance(self.fill, np.ndarray) else self.fill,
            batch_size=self.batch_size,
            batches_per_block=batches_per_block(batch_size=self.batch_size, cells_per_input=self.cells_per_input),
        )


def prepare(request: Request, *, recorded_batch_size: int | None = None) -> Prepared:
    """Load data and model and make every choice that the request leaves open.

    A recorded batch size is kept where the request names none. Raises ValueError, naming the value and the fix, where
    anything does not fit anything else.
    """
    if request.num_samples < 1:
        raise ValueError(f"--samples must be at least 1, got {request.num_samples}")
    if not 0 <= request.seed < 2**64:
        raise ValueError(f"--seed must lie in 0 .. 2^64 - 1, got {request.seed}")
    dataset = load_dataset(
        request.data, data_dir=request.data_dir, limit=request.limit, stride=request.stride, crop=request.crop
    )
    unit = _unit(request.unit, dataset)
    num_features = to_planes(np.zeros(dataset.shape), unit).shape[1]
    if not 1 <= request.num_kept <= num_features:
        raise ValueError(f"--keep must lie in 1 .. {num_features}, the {unit}s of an input; got {request.num_kept}")
    check_counts(num_features, request.num_kept)
    encoding = request.encoding or DEFAULT_ENCODING[dataset.kind]
    filled = _fill(dataset, encoding, request.fill)
    example = _encoder(dataset, encoding, unit, filled, 1)(
        to_planes(dataset.read(0), unit), np.arange(request.num_kept, dtype=np.int32)[None]
    )
    classifier = load_classifier(
        request.model, input_shape=example.shape[1:], device=request.device, num_classes=request.num_classes
    )
    if request.num_classes not in (None, classifier.num_classes):
        raise ValueError(
            f"{request.num_classes} classes are named, {request.model} has {classifier.num_classes}; leave --classes out"
        )
    if classifier.num_classes < 2:
        raise ValueError(f"{request.model} has {classifier.num_classes} class; a top k needs at least 2")
    labels = dataset.labels
    if labels is not None and labels.max() >= classifier.num_classes:
        raise ValueError(
            f"{request.data} holds the label {labels.max()}, {request.model} has {classifier.num_classes} classes, "
            f"0 .. {classifier.num_classes - 1}; use data and a model with the same classes"
        )
    chosen = recorded_batch_size if request.batch_size is None else request.batch_size
    if chosen is None:
        chosen = default_batch_size(num_samples=request.num_samples, cells_per_input=example.size, classifier=classifier)
    if chosen < 1:
        raise ValueError(f"--batch-size must be at least 1, got {chosen}")
    if classifier.batch_size not in (None, chosen):
        raise ValueError(f"--batch-size is {chosen}, but {request.model} takes {classifier.batch_size} only; leave it out")
    return Prepared(
        request=request,
        dataset=dataset,
        unit=unit,
        num_features=num_features,
        encoding=encoding,
        fill=filled,
        classifier=classifier,
        cells_per_input=example.size,
        batch_size=chosen,
    )


@final
@dataclass(frozen=True, kw_only=True)
class Opened:
    """A folder and a prepared request that may be run in it; `recorded` where it was started before."""

    folder: Path
    prepared: Prepared
    recorded: Manifest | None


def open_run(request: Request, folder: Path, *, resume: bool) -> Opened:
    """Prepare a request for `folder`; nothing is computed or written yet.

    Raises ValueError where the folder holds a run and not `resume`, and as `prepare` does.
    """
    path = folder / "manifest.json"
    if path.exists() and not resume:
        raise ValueError(f"{folder} already holds a run; pass --resume to go on with it, or choose another --out")
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out {folder} is a file; name a folder")
    recorded = Manifest.read(path) if path.exists() else None
    return Opened(
        folder=folder,
        prepared=prepare(request, recorded_batch_size=recorded.batch_size if recorded else None),
        recorded=recorded,
    )


def read_inputs_table(dataset: Dataset) -> pa.Table:
    """The inputs table of a data set; reads every input once."""
    return inputs_table(dataset.indices, dataset.labels, [dataset.fingerprint_input(i) for i in range(len(dataset))])


def collect_votes(opened: Opened, *, on_progress: Callable[[int, int, str], None]) -> Ledger:
    """Fill the ledger: start it, or go on with it.

    Raises ValueError where the folder holds another run or the classifier is not deterministic; what is stored stays.
    """
    folder, prepared, recorded = opened.folder, opened.prepared, opened.recorded
    inputs = read_inputs_table(prepared.dataset)
    fingerprint = fingerprint_inputs(inputs)
    manifest = prepared.manifest(fingerprint)
    if recorded is not None:
        refuse_other(recorded, manifest, folder)
        manifest = recorded
    voter = prepared.voter()
    check_deterministic(voter)
    try:
        (folder / "ledger").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot write to --out {folder}: {error.strerror}") from error
    ledger = Ledger(folder, manifest)
    with ledger.lock():
        if recorded is None:
            if (folder / "manifest.json").exists():  # another process was faster between open_run and the lock
                raise ValueError(f"{folder} has just been started by another process; wait for it, then pass --resume")
            if ledger.present_blocks():  # of a run whose manifest was lost: only its own may take its place
                ledger.read_block(ledger.present_blocks()[0])
            manifest.write(folder / "manifest.json")
        ledger.write_inputs(inputs)
        fill(ledger, voter, on_progress=on_progress)
    return ledger


def _unit(given: str | None, dataset: Dataset) -> Unit:
    if given is None:
        return DEFAULT_UNIT[dataset.kind]
    for unit in get_args(Unit):
        if unit == given:
            return cast("Unit", unit)
    raise ValueError(f"unknown unit {given!r}; choose one of: {', '.join(get_args(Unit))}")


def _encoder(
    dataset: Dataset, encoding: str, unit: Unit, filled: NDArray[np.floating] | float | None, batch_size: int
) -> Encoder:
    return make_encoder(encoding, shape=dataset.shape, unit=unit, batch_size=batch_size, fill=filled, dtype=dataset.dtype)


def _fill(dataset: Dataset, encoding: str, given: float | None) -> NDArray[np.floating] | float | None:
    if encoding in ("constant", "sentinel"):
        return given if given is not None else (GREY if encoding == "constant" else SENTINEL)
    if given is not None:
        raise ValueError(f"--fill is for the encodings constant and sentinel, not {encoding}; leave it out")
    if encoding in ("mean", "median"):
        if dataset.read_reference is None:
            raise ValueError(
                f"encoding {encoding} needs training inputs, which {dataset.name} does not bring (an .npz can, as x_train); "
                f"the {encoding} of the certified inputs would let an attacker move NULL"
            )
        statistic = np.mean if encoding == "mean" else np.median
        return np.asarray(statistic(dataset.read_reference(), axis=0), dataset.dtype)
    return None


def _fingerprint_fill(values: NDArray[np.floating]) -> str:
    return hashlib.sha256(f"{values.shape}{values.dtype.str}".encode() + values.tobytes()).hexdigest()


def _placed(name: str) -> str:
    """A path as an absolute one, so that it can be found again from elsewhere; any other name as it is."""
    return str(Path(name).resolve()) if name not in (*BUILT_IN, *CARRIED) and Path(name).exists() else name
