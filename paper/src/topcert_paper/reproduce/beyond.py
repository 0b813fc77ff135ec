"""The certificates that go past the paper, beside the paper's own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

import numpy as np

from topcert.classifiers.loading import load_classifier
from topcert.theory.scalars import whole_number
from topcert_paper.beyond import Line, measured_lines
from topcert_paper.beyond_drawing import write_comparison
from topcert_paper.beyond_votes import (
    MEASURES,
    asked_for,
    check_measures,
    keep_votes,
    requests_for,
    shape_of,
)
from topcert_paper.carried import carried_counts
from topcert_paper.reproduce.steps import Progress, Steps, steps_of
from topcert_paper.words import paper_words


@final
@dataclass(frozen=True, kw_only=True)
class MadeComparison:
    """Every certificate beside Theorem 1.

    Attributes
    ----------
    lines
        One for each network, certificate and k: its curve, and what it costs.
    paths
        What was written: the table and the figures.
    """

    lines: tuple[Line, ...]
    paths: tuple[Path, ...]


def reproduce_beyond(
    *,
    out: str | Path = "topcert-beyond",
    measures: Sequence[str] | None = None,
    models: Sequence[str] | None = None,
    num_samples: int = 10_000,
    num_masks: int = 10_000,
    max_samples: int = 100_000,
    limit: int | None = None,
    from_counts: bool = False,
    data_dir: str | Path | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> MadeComparison:
    """Measure what goes past the paper, as `topcert reproduce beyond` does: CIFAR-10, 500 images.

    Collects the votes that `out`/runs lacks, and goes on where it was stopped. The table holds what
    was measured.

    Parameters
    ----------
    out
        A folder for votes, the table and the figures.
    measures
        What to measure, such as `["sampled", "ballots"]`; None for all.
    models
        Networks: carried ones, .onnx files or "module:function"; None for the usual one of each
        measure.
    num_samples
        Independent masks of an image (n).
    num_masks
        Masks of the design.
    max_samples
        Votes at which a stopping rule gives up.
    limit
        At most so many images.
    from_counts
        Redraw it from the votes that this package carries; nothing is measured.
    data_dir
        The folder of CIFAR-10; without it, it is downloaded.
    device
        "auto", "cpu", "cuda" or "cuda:N".
    progress
        As of `SmoothedClassifier.vote`.

    Returns
    -------
    MadeComparison

    Raises
    ------
    ValueError
        For a measure that there is not, and a network that cannot be asked.

    Examples
    --------
    >>> from topcert_paper import reproduce_beyond
    >>> reproduce_beyond(measures=["votes"])  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ValueError: measures must be one of sampled, design, ..., got 'votes'
    """
    with paper_words():
        folder, steps = Path(out), steps_of(progress)
        if from_counts:
            return _draw(carried_counts("beyond", "beyond"), folder, steps)
        check_measures(measures or MEASURES)
        asked = asked_for(measures, models)
        shapes = {(network, shape_of(wanted)) for network, wanted in asked}
        # better known before the work than after that of another network
        for network, shape in sorted(shapes):
            load_classifier(network, example=np.full((2, *shape), 0.5, np.float32), device=device)
        for network, wanted in asked:
            requests = requests_for(
                network,
                wanted,
                data_dir=None if data_dir is None else Path(data_dir),
                limit=limit,
                num_samples=whole_number(num_samples, "num_samples"),
                num_masks=whole_number(num_masks, "num_masks"),
                max_samples=whole_number(max_samples, "max_samples"),
                device=device,
            )
            for name, request in requests.items():
                steps.tell(name)
                with steps.work("votes", unit="passes") as update:
                    keep_votes(name, request, folder, on_progress=update)
        return _draw(folder / "counts", folder, steps)


def _draw(counts: Path, out: Path, steps: Steps) -> MadeComparison:
    with steps.work("table", unit="rows") as update:
        lines = measured_lines(counts, on_row=update)
    return MadeComparison(lines=tuple(lines), paths=tuple(write_comparison(lines, out / "beyond")))
