"""The deterministic method in front of a person: `certify` and `verify` without votes."""

from __future__ import annotations

from pathlib import Path

from topcert.api.certify_network import bound_dataset, check_asked
from topcert.cli.listing import print_inputs
from topcert.cli.machine import print_json, summary
from topcert.cli.printing import print_curves, print_unlabelled
from topcert.cli.progress import console, progress_bar, stoppable
from topcert.cli.running import print_notes
from topcert.datasets.reading import Reading
from topcert.evaluation.bounded_results import write_bounded
from topcert.evaluation.wording import label_zero_in_words
from topcert.report.draw_results import draw_bounded


def certify_bounds(
    data: str,
    model: str,
    *,
    out: Path,
    ks: list[int],
    label: str | None,
    max_radius: int,
    reading: Reading,
    resume: bool,
    as_json: bool = False,
) -> None:
    """What `certify --method chiang` does."""
    if (out / "manifest.json").exists():
        raise ValueError(f"{out} holds a run of votes; choose another --out")
    if (out / "bounds.json").exists() and not resume:
        raise ValueError(
            f"{out} already holds certificates; pass --resume to make them again, or choose another"
            " --out"
        )
    reading.check(data)
    check_asked(model, label)
    dataset = reading.load(data)
    print_notes(dataset)
    with stoppable("nothing is kept"), progress_bar("bounds", unit="images") as update:
        results = bound_dataset(
            dataset,
            Path(model),
            data=data,
            reading=reading,
            ks=ks,
            max_radius=max_radius,
            label=label,
            on_progress=update,
        )
    write_bounded(results, out)
    draw_bounded(results, out / "accuracy")
    print_curves(results.curves, what="pixels")
    print_inputs(results.certificates, out)
    print_unlabelled(results.curves, results.certificates)
    shape = " x ".join(map(str, dataset.shape))
    raw = None if dataset.raw is None else dataset.raw.sentence(unit="pixel")
    console.print(
        f"The certified input is the {shape} array itself, and the classifier the network itself:"
        f" no vote, no sampling, no failure probability. Radius r (up to {max_radius}): however an"
        " attacker rewrites up to r of its pixels within [0, 1], the label stays in the top k."
        + ("" if raw is None else f" {raw}")
    )
    if warning := label_zero_in_words(results.bounds.data_options):
        console.print(f"For you to judge: {warning}.", highlight=False)
    console.print(f"wrote {out}", soft_wrap=True)
    if as_json:
        print_json(summary(results.certificates, results.curves, out, raw_input=raw))
