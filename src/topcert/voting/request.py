"""A run as a person asks for it: data and model loaded, every choice made, and refused where things
do not fit.
"""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass, field
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Final, Literal, cast, final, get_args

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.classifier import Classifier, ShapeError
from topcert.classifiers.held import HeldModel
from topcert.classifiers.loading import CARRIED, load_classifier
from topcert.classifiers.trained import trained_encoding
from topcert.datasets.class_order import Doubtful, doubt_of_zero, order_classes
from topcert.datasets.dataset import BUILT_IN, Dataset
from topcert.datasets.held import HeldData
from topcert.datasets.reading import Reading
from topcert.randomization import designs, discrete, gaussian, masks, rounded
from topcert.randomization.designs import Design, make_design
from topcert.randomization.encodings import (
    DEFAULT_ENCODING,
    DEFAULT_UNIT,
    SENTINEL,
    Unit,
    grey_of,
    make_encoder,
    to_planes,
)
from topcert.randomization.randomizer import (
    Ablation,
    DiscreteNoise,
    FloatGaussianNoise,
    GaussianNoise,
    Randomizer,
)
from topcert.theory.counting import check_counts
from topcert.theory.stopping import Stopping
from topcert.version import __version__
from topcert.voting.manifest import FIXED, IID, Manifest, parse_share, sigma_range
from topcert.voting.sampling import batches_per_block
from topcert.voting.voter import Voter, default_batch_size, trial_size

Noise = Literal["ablation", "gaussian", "discrete"]
ALGORITHMS: Final[dict[Noise, str]] = {
    "ablation": masks.ALGORITHM,
    "gaussian": rounded.ALGORITHM,
    "discrete": discrete.ALGORITHM,
}
OLDER: Final = (gaussian.ALGORITHM,)  # of runs that can still be gone on with and verified


def algorithm_of(noise: Noise, law: str) -> str:
    """The algorithm of new runs, under a law that a manifest may name."""
    return ALGORITHMS[noise] if law == IID else designs.algorithm_of(law)


NOISE_OPTIONS: Final = {
    "ablation": "--keep",
    "gaussian": "--sigma",
    "discrete": "--keep-probability",
}
NOISE_NEEDS: Final = {
    "ablation": "--keep, how many features each mask keeps (e)",
    "gaussian": "--sigma, the standard deviation of its noise, such as 0.5",
    "discrete": "--keep-probability, the chance that a value stays, such as 0.2",
}
STOPPING_BATCH: Final = 32  # no input can stop before; larger batches are seldom faster on a CPU


@final
@dataclass(frozen=True, kw_only=True)
class Request:
    """A run as a person asks for it; None means: chosen for them."""

    data: str
    model: str
    num_samples: int
    noise: Noise = "ablation"
    num_kept: int | None = None
    sigma: float | None = None
    keep_probability: str | None = None
    design: str | None = None
    num_selection: int = 0
    seed: int = 0
    encoding: str | None = None
    fill: float | None = None
    unit: str | None = None
    reading: Reading = field(default_factory=Reading)
    doubtful: Doubtful = "refuse"  # labels of classes that cannot be matched to the model's
    device: str = "auto"
    num_classes: int | None = None
    output: str | None = None  # of a model with several, which is the answer
    num_named: int = 1  # labels that each ballot names, ranked
    batch_size: int | None = None
    stopping: Stopping | None = None  # then `num_samples` is the cap
    algorithm: str | None = None  # one of OLDER, for a run that was begun by it
    # labels out of range; else they count as `UNDEFINED_LABEL`: inputs may be an attacker's
    refuse_labels: bool = True
    # what stands in the place of that which `data` and `model` name
    held_data: HeldData | None = None
    held_model: HeldModel | None = None


@final
@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A request with its data and model loaded and every choice made."""

    request: Request
    dataset: Dataset
    unit: Unit
    num_features: int
    encoding: str | None
    fill: NDArray[np.floating] | float | None
    classifier: Classifier
    cells_per_input: int
    batch_size: int

    def voter(
        self,
        *,
        batch_size: int | None = None,
        seed: int | None = None,
        num_votes: int | None = None,
    ) -> Voter:
        """Computes the votes of this run, or those in another batch size, under another seed or
        number of draws.
        """
        request = self.request
        randomizer = _randomizer(
            dataclasses.replace(request, seed=request.seed if seed is None else seed),
            self.dataset,
            unit=self.unit,
            num_features=self.num_features,
            encoding=self.encoding,
            filled=self.fill,
            batch_size=self.batch_size if batch_size is None else batch_size,
            num_votes=(
                request.num_selection + request.num_samples if num_votes is None else num_votes
            ),
        )
        return Voter(
            read=self.dataset.read,
            randomizer=randomizer,
            classifier=self.classifier,
            num_inputs=len(self.dataset),
            in_words=self.dataset.in_words,
        )

    @property
    def design(self) -> Design | None:
        return _design(
            self.request, self.dataset.shape, unit=self.unit, num_features=self.num_features
        )

    def manifest(self, fingerprint: str) -> Manifest:
        """The manifest of this run on data of that fingerprint."""
        request = self.request
        return Manifest(
            topcert_version=__version__,
            data=placed(request.data) if request.held_data is None else request.data,
            data_options=request.reading.to_json(),
            data_fingerprint=fingerprint,
            input_shape=self.dataset.shape,
            num_inputs=len(self.dataset),
            model=placed(request.model) if request.held_model is None else request.model,
            model_fingerprint=self.classifier.fingerprint,
            num_classes=self.classifier.num_classes,
            output=request.output,
            num_named=None if request.num_named == 1 else request.num_named,
            runtime=self.classifier.runtime,
            noise=request.noise,
            law=request.design or IID,
            algorithm=request.algorithm or algorithm_of(request.noise, request.design or IID),
            stopping=FIXED if request.stopping is None else request.stopping.to_text(),
            seed=request.seed,
            num_selection=request.num_selection,
            num_samples=request.num_samples,
            num_features=self.num_features,
            num_kept=request.num_kept,
            sigma=None if request.sigma is None else float(request.sigma),
            keep_probability=request.keep_probability,
            unit=self.unit,
            encoding=self.encoding,
            fill=_fingerprint_fill(self.fill) if isinstance(self.fill, np.ndarray) else self.fill,
            batch_size=self.batch_size,
            batches_per_block=batches_per_block(
                batch_size=self.batch_size, cells_per_input=self.cells_per_input
            ),
        )


def prepare(request: Request, *, recorded_batch_size: int | None = None) -> Prepared:
    """Load data and model and make every choice that the request leaves open.

    A recorded batch size is kept where the request names none. Raises ValueError, naming the value
    and the fix, where anything does not fit anything else.
    """
    if request.num_samples < 1:
        raise ValueError(f"--samples must be at least 1, got {request.num_samples}")
    if request.num_selection < 0:
        raise ValueError(f"--selection must be at least 0, got {request.num_selection}")
    if request.stopping is not None and (request.stopping.label == "selected") != bool(
        request.num_selection
    ):
        raise ValueError(
            f"--selection {request.num_selection} is a first sample that selects a label, and"
            f" --stop asks about labels that are {request.stopping.label}; --selection and --label"
            " selected go together"
        )
    if not 0 <= request.seed < 2**64:
        raise ValueError(f"--seed must lie in 0 .. 2^64 - 1, got {request.seed}")
    dataset = (
        request.reading.load(request.data, unit=request.unit)
        if request.held_data is None
        else request.held_data.load(request.reading, unit=request.unit)
    )
    unit = _unit(request.unit, dataset)
    num_features = to_planes(np.zeros(dataset.shape), unit).shape[1]
    request = _with_kept(request, dataset.shape, unit=unit, num_features=num_features)
    _check_noise(request, dataset, unit=unit, num_features=num_features)
    encoding = _encoding(request, dataset) if request.noise == "ablation" else None
    filled = (
        None
        if encoding is None
        else _fill(dataset, encoding, request.fill, request.reading.value_range)
    )
    example = _example(
        request, dataset, unit=unit, num_features=num_features, encoding=encoding, filled=filled
    )
    try:
        load = (
            partial(load_classifier, request.model)
            if request.held_model is None
            else request.held_model.load
        )
        classifier = load(
            example=example,
            device=request.device,
            num_classes=request.num_classes,
            output=request.output,
            refuse_labels=request.refuse_labels,
            depth=request.num_named,
        )
    except ShapeError as error:
        raise ValueError(
            _other_size(request, dataset, example.shape[1:], error.wanted) or str(error)
        ) from error
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
        unit=unit,
        num_features=num_features,
        encoding=encoding,
        fill=filled,
        classifier=classifier,
        cells_per_input=example[0].size,
        batch_size=chosen,
    )


def _encoding(request: Request, dataset: Dataset) -> str:
    """What is asked for; else what the model says it was trained on, or the usual one of such data.

    Raises ValueError where the first two differ.
    """
    trained = trained_encoding(request.model)
    if request.encoding is None:
        return trained or DEFAULT_ENCODING[dataset.kind]
    if trained not in (None, request.encoding):
        raise ValueError(
            f"--encoding is {request.encoding}, and {request.model} was trained on the encoding"
            f" {trained}; leave --encoding out"
        )
    return request.encoding


def _example(
    request: Request,
    dataset: Dataset,
    *,
    unit: Unit,
    num_features: int,
    encoding: str | None,
    filled: NDArray[np.floating] | float | None,
) -> NDArray[np.floating]:
    """The first input under the run's first draws, on which a model is tried."""

    def rows(count: int) -> NDArray[np.floating]:
        randomizer = _randomizer(
            request,
            dataset,
            unit=unit,
            num_features=num_features,
            encoding=encoding,
            filled=filled,
            batch_size=count,
            num_votes=count,
        )
        # a model may work in place
        return randomizer.batch(randomizer.hold(dataset.read(0)), 0).copy()

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
        doubtful=request.doubtful,
    )
    left_out = reading.unlabelled or (dataset.labels is not None and ordered.labels is None)
    missed = (
        ordered.label_range
        if ordered.labels is not None and doubt_of_zero(ordered, classifier.num_classes)
        else None
    )
    reading = dataclasses.replace(
        reading, unlabelled=left_out, lowest_label=None if missed is None else missed[0]
    )
    return dataclasses.replace(request, reading=reading), ordered


def _unit(given: str | None, dataset: Dataset) -> Unit:
    if given is None:
        return DEFAULT_UNIT[dataset.kind]
    for unit in get_args(Unit):
        if unit == given:
            return cast("Unit", unit)
    raise ValueError(f"unknown unit {given!r}; choose one of: {', '.join(get_args(Unit))}")


def _check_noise(request: Request, dataset: Dataset, *, unit: Unit, num_features: int) -> None:
    """Refuse a noise without its parameter or with another's, and one that the data has no place
    for.
    """
    given = {
        "ablation": request.num_kept,
        "gaussian": request.sigma,
        "discrete": request.keep_probability,
    }
    for noise, value in given.items():
        if value is None and noise == request.noise:
            raise ValueError(f"the noise {noise} needs {NOISE_NEEDS[noise]}")
        if value is not None and noise != request.noise:
            raise ValueError(
                f"{NOISE_OPTIONS[noise]} belongs to the noise {noise}, not to {request.noise};"
                " leave it out"
            )
    if request.design is not None and request.num_selection:
        raise ValueError(
            "a first sample (--selection, --label selected) draws masks beside the design"
            f" {request.design}; leave it out"
        )
    if request.num_kept is not None:
        if not 1 <= request.num_kept <= num_features:
            raise ValueError(
                f"--keep must lie in 1 .. {num_features}, the {unit}s of an input; got"
                f" {request.num_kept}"
            )
        check_counts(num_features, request.num_kept)
        made = _design(request, dataset.shape, unit=unit, num_features=num_features)
        if made is not None:
            made.check_count(request.num_samples, "--samples")
        return
    if dataset.kind != "image":
        raise ValueError(
            f"the noise {request.noise} is for images in [0, 1], and {dataset.name} holds none"
        )
    if request.reading.value_range is not None:
        raise ValueError(
            f"--range belongs to the noise ablation: {request.noise} noise is for images in [0, 1];"
            " leave it out"
        )
    for option, set_ in (("--encoding", request.encoding), ("--fill", request.fill)):
        if set_ is not None:
            raise ValueError(
                f"{option} belongs to the noise ablation, not to {request.noise}; leave it out"
            )
    if request.sigma is not None:
        check_sigma(request.sigma, algorithm=request.algorithm)
    if request.keep_probability is not None:
        read_share(request.keep_probability)


def check_sigma(sigma: float, *, algorithm: str | None = None) -> None:
    """Raises ValueError for a deviation that the algorithm, None for that of new runs, does not
    draw.
    """
    least, most = sigma_range(algorithm)
    if not least <= sigma <= most:
        raise ValueError(f"--sigma must lie in {least:g} .. {most:g}, got {sigma}")


def read_share(text: str) -> Fraction:
    """An exact number strictly between 0 and 1, of at most nine decimals; raises ValueError for
    anything else.
    """
    share = parse_share(text)
    if share is None:
        raise ValueError(
            "--keep-probability must be a number strictly between 0 and 1 such as 0.2, of at most"
            f" nine decimals; got {text}"
        )
    return share


def _randomizer(
    request: Request,
    dataset: Dataset,
    *,
    unit: Unit,
    num_features: int,
    encoding: str | None,
    filled: NDArray[np.floating] | float | None,
    batch_size: int,
    num_votes: int,
) -> Randomizer:
    shape, seed = dataset.shape, request.seed
    if request.sigma is not None:
        gaussian_noise = (
            FloatGaussianNoise if request.algorithm == gaussian.ALGORITHM else GaussianNoise
        )
        return gaussian_noise(
            shape=shape, sigma=request.sigma, seed=seed, num_noises=num_votes, batch_size=batch_size
        )
    if request.keep_probability is not None:
        share = read_share(request.keep_probability)
        return DiscreteNoise(
            shape=shape,
            keep_probability=share,
            seed=seed,
            num_noises=num_votes,
            batch_size=batch_size,
        )
    assert encoding is not None
    assert request.num_kept is not None
    design = _design(request, shape, unit=unit, num_features=num_features)
    return Ablation(
        unit=unit,
        encoder=make_encoder(
            encoding,
            shape=shape,
            unit=unit,
            batch_size=batch_size,
            fill=filled,
            dtype=dataset.dtype,
            stride=None if design is None else design.stride,
        ),
        seed=seed,
        num_features=num_features,
        num_kept=request.num_kept,
        num_masks=num_votes,
        batch_size=batch_size,
        design=design,
    )


def _design(
    request: Request, shape: tuple[int, ...], *, unit: Unit, num_features: int
) -> Design | None:
    if request.design is None or request.num_kept is None:
        return None
    return make_design(
        request.design,
        shape=shape,
        unit=unit,
        seed=request.seed,
        num_features=num_features,
        num_kept=request.num_kept,
        num_masks=request.num_samples,
    )


def _with_kept(
    request: Request, shape: tuple[int, ...], *, unit: Unit, num_features: int
) -> Request:
    """The request with what the strides of its design keep, where they decide that."""
    if request.design is None or designs.kind_of(request.design) == request.design:
        return request
    made = make_design(
        request.design,
        shape=shape,
        unit=unit,
        seed=request.seed,
        num_features=num_features,
        num_kept=None,
        num_masks=request.num_samples,
    )
    made.check_count(request.num_samples, "--samples")
    if request.num_kept not in (None, made.num_kept):
        raise ValueError(
            f"--keep is {request.num_kept}, and the widest mask of {request.design} keeps"
            f" {made.num_kept} of {shape[0]} x {shape[1]} pixels; leave --keep out, or say --design"
            " lattice, whose stride follows from it"
        )
    return dataclasses.replace(request, num_kept=made.num_kept)


def _fill(
    dataset: Dataset, encoding: str, given: float | None, value_range: tuple[float, float] | None
) -> NDArray[np.floating] | float | None:
    if encoding in ("constant", "sentinel"):
        return (
            given
            if given is not None
            else (grey_of(value_range) if encoding == "constant" else SENTINEL)
        )
    if given is not None:
        raise ValueError(
            f"--fill is for the encodings constant and sentinel, not {encoding}; leave it out"
        )
    if encoding in ("mean", "median"):
        if dataset.read_reference is None:
            raise ValueError(
                f"encoding {encoding} needs training inputs, which {dataset.name} does not bring"
                f" (an .npz can, as x_train); the {encoding} of the certified inputs would let an"
                " attacker move NULL"
            )
        statistic = np.mean if encoding == "mean" else np.median
        return np.asarray(statistic(dataset.read_reference(), axis=0), dataset.dtype)
    return None


def _fingerprint_fill(values: NDArray[np.floating]) -> str:
    return hashlib.sha256(
        f"{values.shape}{values.dtype.str}".encode() + values.tobytes()
    ).hexdigest()


def placed(name: str) -> str:
    """A path as an absolute one, so that it can be found again from elsewhere; any other name as it
    is.
    """
    return (
        str(Path(name).resolve())
        if name not in (*BUILT_IN, *CARRIED) and Path(name).exists()
        else name
    )
