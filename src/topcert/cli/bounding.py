"""The deterministic method in front of a person: `certify` and `verify` without votes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from topcert.cli.drawing import draw_bounded
from topcert.cli.listing import print_inputs
from topcert.cli.parsing import check_ks
from topcert.cli.printing import print_curves, print_unlabelled
from topcert.cli.progress import console, progress_bar, stoppable
from topcert.datasets.dataset import Dataset, load_dataset
from topcert.evaluation.bounded import BoundedResults, Bounds, certify_network, compare_bounded, write_bounded
from topcert.voting.request import placed


def certify_bounds(
    data: str,
    model: str,
    *,
    out: Path,
    ks: list[int],
    label: str | None,
    max_radius: int,
    data_options: dict[str, Any],
    resume: bool,
) -> None:
    """What `certify --method chiang` does."""
    if (out / "manifest.json").exists():
        raise ValueError(f"{out} holds a run of votes; choose another --out")
    if (out / "bounds.json").exists() and not resume:
        raise ValueError(f"{out} already holds certificates; pass --resume to make them again, or choose another --out")
    if label not in (None, "given", "predicted"):
        raise ValueError(f"--label must be given or predicted for the method chiang, got {label!r}")
    if not model.endswith(".onnx"):
        raise ValueError(f"the method chiang reads weights from an .onnx file, got {model!r}")
    dataset = load_dataset(data, **data_options)
    if label == "given" and dataset.labels is None:
        raise ValueError(f"--label given needs labels, and {data} has none; use --label predicted")
    results = _make(dataset, model, data, data_options, ks=ks, label=label, max_radius=max_radius)
    write_bounded(results, out)
    draw_bounded(results, out / "accuracy")
    print_curves(results.curves, unit="pixel")
    print_inputs(results.certificates, out)
    print_unlabelled(results.curves, results.certificates)
    shape = " x ".join(map(str, dataset.shape))
    console.print(
        f"The certified input is the {shape} array itself, and the classifier the network itself: no vote, no sampling, no "
        f"failure probability. Radius r (up to {max_radius}): however an attacker rewrites up to r of its pixels within "
        "[0, 1], the label stays in the top k."
    )
    console.print(f"wrote {out}", soft_wrap=True)


def recheck_bounds(
    folder: Path, model: str | None, *, data: str | None, data_dir: Path | None
) -> tuple[BoundedResults, list[str]]:
    """What `verify` does with deterministic certificates: make them again; returns them, and what differs."""
    stored = Bounds.read(folder)
    if model is None:
        raise ValueError(f"{folder} holds certificates of a network's weights; name the network with --model to check them")
    options: dict[str, Any] = {
        "data_dir": data_dir
        or (None if stored.data_options.get("data_dir") is None else Path(stored.data_options["data_dir"])),
        **{name: stored.data_options.get(name) for name in ("limit", "stride", "crop")},
    }
    dataset = load_dataset(stored.data if data is None else data, **options)
    made = _make(
        dataset, model, stored.data, options, ks=list(stored.ks), label=stored.label_choice, max_radius=stored.max_radius
    )
    findings = compare_bounded(folder, made)
    console.print(f"{len(made.certificates.index)} certificates made again from the weights", highlight=False)
    return made, findings


def _make(
    dataset: Dataset,
    model: str,
    data: str,
    options: dict[str, Any],
    *,
    ks: list[int],
    label: str | None,
    max_radius: int,
) -> BoundedResults:
    if dataset.class_names:
        check_ks(ks, len(dataset.class_names))
    recorded = {**options, "data_dir": None if options["data_dir"] is None else str(options["data_dir"].resolve())}
    with stoppable("nothing is kept"), progress_bar("bounds", unit="images") as update:
        return certify_network(
            dataset,
            Path(model),
            data=placed(data),
            data_options=recorded,
            ks=ks,
            max_radius=max_radius,
            label_choice=label or ("given" if dataset.labels is not None else "predicted"),
            on_progress=update,
        )
