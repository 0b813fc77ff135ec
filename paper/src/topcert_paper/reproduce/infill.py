"""A published network on ImageNet, certified without training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from topcert.datasets.reading import Reading
from topcert.noise.ablation import Ablation
from topcert.theory.scalars import whole_number
from topcert.voting.request import Request
from topcert_paper.carried import carried_counts
from topcert_paper.fills import (
    FILLS,
    KEPTS,
    FillLine,
    count_fill,
    measured_lines,
    network_path,
    write_fills,
    write_network,
)
from topcert_paper.needs import need_images, need_torch
from topcert_paper.reproduce.steps import Progress, steps_of
from topcert_paper.words import paper_words


@final
@dataclass(frozen=True, kw_only=True)
class MadeFills:
    """What each fill certifies.

    Attributes
    ----------
    lines
        One for each k, number kept and fill.
    paths
        What was written: the table and the figure.
    """

    lines: tuple[FillLine, ...]
    paths: tuple[Path, ...]


def reproduce_infill(
    *,
    data_dir: str | Path | None = None,
    out: str | Path = "topcert-infill",
    num_kept: Sequence[int] = KEPTS,
    num_samples: int = 200,
    limit: int = 50,
    from_counts: bool = False,
    device: str = "auto",
    progress: Progress = None,
) -> MadeFills:
    """Certify a published ImageNet network without training, as `topcert reproduce infill` does.

    Hidden pixels are filled from their neighbours, beside a grey fill. Writes the network as ONNX
    first (extras `torch` and `pretrained`), and goes on where it was stopped.

    Parameters
    ----------
    data_dir
        The folder of ImageNet's validation images: WNID/*.JPEG, or as published.
    out
        A folder for the network, votes, counts, the table and the figure.
    num_kept
        Pixels that masks keep (e), each in turn.
    num_samples
        Votes of an image (n).
    limit
        At most so many images, spread evenly over all there are.
    from_counts
        Redraw it from the votes that this package carries; nothing is measured.
    device
        "auto", "cpu", "cuda" or "cuda:N".
    progress
        As of `SmoothedClassifier.vote`.

    Returns
    -------
    MadeFills

    Raises
    ------
    ValueError
        Where there is no such folder, or what makes the network is missing.

    Examples
    --------
    >>> from topcert_paper import reproduce_infill
    >>> made = reproduce_infill(out="infill", from_counts=True)
    >>> sorted({line.num_kept for line in made.lines})
    [1000, 5000, 10000]
    """
    with paper_words():
        folder, steps = Path(out), steps_of(progress)
        if from_counts:
            return _draw(carried_counts("infill", "infill"), folder)
        images = need_images(
            None if data_dir is None else Path(data_dir),
            "--data-dir",
            "ImageNet validation images, WNID/*.JPEG",
        )
        need_torch(network_path(folder / "networks"))
        model = write_network(folder / "networks")
        settings = [
            (encoding, whole_number(kept, "num_kept"))
            for kept in dict.fromkeys(num_kept)
            for encoding in FILLS
        ]
        for number, (encoding, kept) in enumerate(settings, 1):
            steps.tell(f"{number} of {len(settings)}: {FILLS[encoding]}, e = {kept}")
            request = Request(
                data="imagenet",
                reading=Reading(data_dir=images, limit=limit),
                model=str(model),
                noise=Ablation(num_kept=kept, encoding=encoding),
                num_samples=whole_number(num_samples, "num_samples"),
                device=device,
            )
            with steps.work("votes", unit="passes") as update:
                count_fill(request, folder, on_progress=update)
        return _draw(folder / "counts", folder)


def _draw(counts: Path, out: Path) -> MadeFills:
    lines = measured_lines(counts)
    return MadeFills(lines=tuple(lines), paths=tuple(write_fills(lines, out / "infill")))
