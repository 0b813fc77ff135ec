"""Appendix C: sets of points, PointNet."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import final

from topcert.theory.scalars import whole_number
from topcert_paper.carried import carried_counts
from topcert_paper.collecting import count_setting
from topcert_paper.needs import need_torch
from topcert_paper.points import (
    NETWORK,
    NUM_SAMPLES,
    POINT_DATA,
    PointCurves,
    PointData,
    point_request,
    read_curves,
    train_points,
    write_points,
)
from topcert_paper.records import write_counted
from topcert_paper.reproduce.steps import Progress, steps_of
from topcert_paper.words import paper_words


@final
@dataclass(frozen=True, kw_only=True)
class MadePoints:
    """Appendix C as it was measured again.

    Attributes
    ----------
    measured
        The curves for k = 1 and 3, and what they were measured with.
    paths
        What was written: the table, its numbers and the figure.
    """

    measured: PointCurves
    paths: tuple[Path, ...]


def reproduce_points(
    *,
    data: str = "surfaces",
    out: str | Path = "topcert-points",
    num_samples: int = NUM_SAMPLES,
    epochs: int | None = None,
    limit: int | None = None,
    from_counts: bool = False,
    data_dir: str | Path | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> MadePoints:
    """Measure Appendix C of the paper again, as `topcert reproduce points` does.

    Trains what `out`/networks lacks (extra `torch`), collects the votes that `out`/runs lacks, and
    goes on where it was stopped.

    Parameters
    ----------
    data
        "surfaces" (generated, here at once) or "modelnet40", the paper's.
    out
        A folder for networks, votes, counts and the table.
    num_samples
        Votes of an input (n).
    epochs
        Passes over the training inputs, if not the usual.
    limit
        At most so many test inputs.
    from_counts
        Redraw it from the votes that this package carries; nothing is measured.
    data_dir
        The folder of ModelNet40; without it, it is downloaded.
    device
        "auto", "cpu", "cuda" or "cuda:N".
    progress
        As of `SmoothedClassifier.vote`.

    Returns
    -------
    MadePoints

    Raises
    ------
    ValueError
        For other data, or votes that are not carried; where the network that is there was trained
        for other epochs, or torch is missing.

    Examples
    --------
    >>> from topcert_paper import reproduce_points
    >>> made = reproduce_points(out="points", from_counts=True)
    >>> [curve.k for curve in made.measured.curves], made.measured.curves[0].total
    ([1, 3], 500)
    """
    with paper_words():
        if data not in POINT_DATA:
            raise ValueError(f"--data must be one of {', '.join(POINT_DATA)}, got {data!r}")
        chosen, folder = POINT_DATA[data], Path(out)
        if from_counts:
            return _draw(chosen, carried_counts(f"points-{data}", f"points on {data}"), folder)
        steps, where = steps_of(progress), None if data_dir is None else Path(data_dir)
        networks = folder / "networks" / data
        need_torch(networks / f"{NETWORK}.onnx")
        with steps.work("train", unit="steps") as update:
            network = train_points(
                chosen, networks, epochs=epochs, data_dir=where, device=device, on_step=update
            )
        request = point_request(
            chosen,
            network,
            data_dir=where,
            num_samples=whole_number(num_samples, "num_samples"),
            limit=limit,
            device=device,
        )
        with steps.work("votes", unit="passes") as update:
            counted = count_setting(request, folder / "runs" / data, on_progress=update)
        write_counted(folder / "counts", data, counted)
        return _draw(chosen, folder / "counts", folder)


def _draw(data: PointData, counts: Path, out: Path) -> MadePoints:
    made = read_curves(data, counts)
    return MadePoints(measured=made, paths=tuple(write_points(made, out / f"points-{data.name}")))
