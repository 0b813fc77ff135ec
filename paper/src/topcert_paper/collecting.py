"""Measure the settings of a table: train what is missing, collect votes, keep the counts. Goes on
where it was stopped.

OUT/networks/SETTING/   checkpoint.pt, log.csv and NETWORK.onnx, as `topcert train` writes them
OUT/runs/SETTING/       the votes, as `topcert certify` writes them
OUT/counts/             the records that redraw the table
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, final

import numpy as np

from topcert.classifiers.loading import CARRIED, MIRRORED, carried_path
from topcert.datasets.load_dataset import load_dataset
from topcert.datasets.reading import Reading
from topcert.evaluation.bounded_results import certify_network
from topcert.methods.registered_methods import find_vote_method
from topcert.noise.ablation import Ablation
from topcert.noise.gaussian import Gaussian
from topcert.theory.certified_radius import ABSTAIN
from topcert.voting.request import Request
from topcert.voting.run import collect_votes, open_run
from topcert_paper.records import Counted, Origin, write_origin, write_radii
from topcert_paper.tables import ALPHA, Budget, PaperTable, Row, Setting

OnStep = Callable[[int, int, str], None]


@final
@dataclass(frozen=True, kw_only=True)
class Effort:
    """What a budget spends on each setting; the interval row has its own network."""

    network: str
    epochs: int
    num_samples: int


TABLE1_EFFORT: Final[dict[Budget, Effort]] = {
    "small": Effort(network="small", epochs=12, num_samples=10_000),
    "paper": Effort(network="resnet110", epochs=90, num_samples=100_000),
}


@final
@dataclass(frozen=True, kw_only=True)
class IntervalEffort:
    """How the network of the deterministic row is trained, at either budget."""

    network: str = "mlp"
    epochs: int = 24
    radius: int = 5
    max_radius: int = 5


INTERVAL_EFFORT: Final = IntervalEffort()


def can_matter(table: PaperTable, row: Row, setting: Setting, *, num_samples: int) -> bool:
    """Whether any votes under this setting could certify a single pixel, even all of them for the
    one label.
    """
    method = find_vote_method(row.method)
    counts = np.zeros((1, table.num_classes), np.int64)
    counts[0, 0] = num_samples
    label = np.zeros(1, np.int64)
    lower, upper = method.bounds(counts, alpha=ALPHA, labels=label)
    (radius,) = method.theorem(
        lower, upper, label, ks=[row.k], smoothing=table.smoothing(setting)
    ).radius[:, 0]
    return bool(radius != ABSTAIN and radius >= 1)


def useful_settings(table: PaperTable, *, num_samples: int) -> tuple[Setting, ...]:
    """The settings that can matter to some row."""
    return tuple(
        setting
        for setting in table.settings
        if any(
            setting in row.settings and can_matter(table, row, setting, num_samples=num_samples)
            for row in table.rows
        )
    )


def train_setting(
    setting: Setting,
    effort: Effort,
    folder: Path,
    *,
    data_dir: Path | None,
    device: str,
    on_step: OnStep,
) -> Path:
    """The network of a setting, trained on CIFAR-10, as ONNX; there already, or made now (needs the
    extra `torch`).
    """
    path = folder / f"{effort.network}.onnx"
    if path.is_file():
        return path
    from topcert.classifiers.torch_module import resolve_device
    from topcert.training.networks import train_on_cifar10
    from topcert.training.noise import AblationNoise, DiscreteNoise, GaussianNoise, Noise
    from topcert.training.plans import usual_plan

    noise: Noise
    law = setting.noise
    if isinstance(law, Ablation):
        noise = AblationNoise(num_kept=law.kept)
    elif isinstance(law, Gaussian):
        noise = GaussianNoise(sigma=law.sigma)
    else:
        noise = DiscreteNoise(keep_probability=float(setting.value))
    plan = replace(usual_plan(effort.network, noise), epochs=effort.epochs)
    train_on_cifar10(
        effort.network,
        plan,
        data_dir=data_dir,
        folder=folder,
        device=resolve_device(device),
        on_step=on_step,
    )
    return path


def train_interval(
    effort: IntervalEffort, folder: Path, *, data_dir: Path | None, on_step: OnStep
) -> Path:
    """The network of the deterministic row, as ONNX; there already, or trained now (needs the extra
    `torch`).
    """
    path = folder / f"{effort.network}.onnx"
    if path.is_file():
        return path
    from topcert.training.interval import IntervalNoise
    from topcert.training.networks import train_on_cifar10
    from topcert.training.plans import usual_plan

    plan = replace(
        usual_plan(effort.network, IntervalNoise(radius=effort.radius)), epochs=effort.epochs
    )
    train_on_cifar10(
        effort.network, plan, data_dir=data_dir, folder=folder, device="cpu", on_step=on_step
    )
    return path


def bound_images(
    network: Path,
    effort: IntervalEffort,
    counts: Path,
    *,
    data_dir: Path | None,
    on_progress: OnStep,
) -> None:
    """Certify the test images through the network's weights, and keep the radii in `counts`."""
    dataset = load_dataset("cifar10", data_dir=data_dir)
    results = certify_network(
        dataset,
        network,
        data="cifar10",
        reading=Reading(data_dir=data_dir),
        ks=[1],
        max_radius=effort.max_radius,
        label_choice="given",
        on_progress=on_progress,
    )
    made = results.certificates
    write_radii(counts, made.index, made.label, made.radius)
    write_origin(
        counts, "interval", origin_of(network, model_fingerprint=results.bounds.model_fingerprint)
    )


def untrained_resnet50(setting: Setting, folder: Path) -> Path:
    """A ResNet-50 of random weights for 224 x 224 images under a setting; there already, or made
    now.
    """
    channels = 6 if isinstance(setting.noise, Ablation) else 3
    path = folder / f"untrained-{channels}.onnx"
    if path.is_file():
        return path
    import torch

    from topcert.models.residual import resnet50
    from topcert.training.export import export_onnx

    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    export_onnx(
        resnet50(in_channels=channels, num_classes=1000),
        path,
        input_shape=(channels, 224, 224),
        metadata={"network": "resnet50, untrained"},
    )
    return path


def request_for(
    setting: Setting,
    network: Path,
    *,
    data: str,
    reading: Reading,
    num_samples: int,
    num_selection: int,
    device: str,
) -> Request:
    """The votes of a setting on the inputs that `data` means."""
    return Request(
        data=data,
        model=str(network),
        reading=reading,
        noise=setting.noise,
        num_selection=num_selection,
        num_samples=num_samples,
        device=device,
    )


def count_setting(request: Request, folder: Path, *, on_progress: OnStep) -> Counted:
    """The votes of a request on labelled inputs, collected in `folder` or gone on with there.

    Raises ValueError where the data has no labels, or `folder` holds other votes.
    """
    ledger = collect_votes(open_run(request, folder, resume=True), on_progress=on_progress)
    _, labels, _ = ledger.read_inputs()
    selection = ledger.selection_counts()
    if labels is None or selection is None:
        raise ValueError(
            f"a table needs labelled inputs and a first sample that selects; {request.data} has no"
            " labels"
        )
    return Counted(
        counts=ledger.counts(),
        selection=selection,
        labels=labels,
        origin=origin_of(
            request.model,
            num_selection=ledger.manifest.num_selection,
            num_samples=ledger.manifest.num_samples,
            seed=ledger.manifest.seed,
            model_fingerprint=ledger.manifest.model_fingerprint,
        ),
    )


def origin_of(
    model: Path | str,
    *,
    model_fingerprint: str,
    num_selection: int = 0,
    num_samples: int = 0,
    seed: int = 0,
) -> Origin:
    """What record.json says: of the network, what its file says of itself."""
    from topcert.classifiers.onnx import read_metadata  # loads ONNX Runtime

    network = carried_path(str(model)) if model in CARRIED else Path(model)
    # else module:function, or another model that tells nothing of itself
    stored = network.suffix == ".onnx"
    facts = read_metadata(network) if stored else {}
    asked = 2 if model in MIRRORED else 1  # its file speaks of one picture, and not of both sides
    accuracy = facts.get("single_pass_test_accuracy") if asked == 1 else None
    return Origin(
        network=(
            str(model)
            if asked > 1
            else facts.get("network", network.stem if stored else network.name)
        ),
        multiply_adds=asked * int(facts["multiply_adds"]) if "multiply_adds" in facts else None,
        epochs=int(facts["epochs"]) if "epochs" in facts else None,
        training_seconds=float(facts["training_seconds"]) if "training_seconds" in facts else None,
        single_pass_accuracy=None if accuracy is None else float(accuracy),
        num_selection=num_selection,
        num_samples=num_samples,
        seed=seed,
        model_fingerprint=model_fingerprint,
    )
