"""Table 2: ImageNet, every method."""

from __future__ import annotations

from pathlib import Path

from topcert.datasets.reading import Reading
from topcert.theory.scalars import whole_number
from topcert_paper.cells import all_cells
from topcert_paper.collecting import (
    count_setting,
    request_for,
    untrained_resnet50,
    useful_settings,
)
from topcert_paper.needs import need_images, need_torch
from topcert_paper.records import write_counted
from topcert_paper.reproduce.made_table import MadeTable, draw_table
from topcert_paper.reproduce.steps import Progress, steps_of
from topcert_paper.tables import NUM_SELECTION, TABLE2
from topcert_paper.words import paper_words


def reproduce_table2(
    *,
    data_dir: str | Path | None = None,
    out: str | Path = "topcert-table2",
    num_samples: int = 100_000,
    num_selection: int = NUM_SELECTION,
    limit: int = 500,
    stride: int | None = None,
    rehearse: bool = False,
    every_setting: bool = False,
    device: str = "auto",
    progress: Progress = None,
) -> MadeTable:
    """Measure Table 2 of the paper again, as `topcert reproduce table2` does.

    Networks are not trained here: those at `out`/networks/SETTING/resnet50.onnx are certified
    (SETTING as in ablation-1000, gaussian-0.5, discrete-0.2), and cells without one say "not
    measured".

    Parameters
    ----------
    data_dir
        The folder of ImageNet's validation images, WNID/*.jpg or as published.
    out
        A folder for votes, counts and the table.
    num_samples, num_selection
        Votes of an image (n), and of the first sample, which selects labels (n0).
    limit, stride
        At most so many images, every so many-th; by default spread over all.
    rehearse
        Walk the whole path with untrained networks under `out`/rehearsal, which enter no cell.
    every_setting
        Also settings that cannot certify one pixel at this n.
    device
        "auto", "cpu", "cuda" or "cuda:N".
    progress
        As of `SmoothedClassifier.vote`.

    Returns
    -------
    MadeTable

    Raises
    ------
    ValueError
        Where there is no such folder, or torch is missing for a rehearsal.

    Examples
    --------
    >>> from topcert_paper import reproduce_table2
    >>> reproduce_table2(data_dir="absent")
    Traceback (most recent call last):
    ValueError: data_dir must name a folder of validation images, WNID/*.jpg; got absent
    """
    with paper_words():
        images = need_images(
            None if data_dir is None else Path(data_dir),
            "--data-dir",
            "validation images, WNID/*.jpg",
        )
        folder, steps = Path(out), steps_of(progress)
        samples = whole_number(num_samples, "num_samples")
        settings = (
            TABLE2.settings if every_setting else useful_settings(TABLE2, num_samples=samples)
        )
        for number, setting in enumerate(settings, 1):
            network, where = folder / "networks" / setting.name / "resnet50.onnx", folder
            if not network.is_file():
                if not rehearse:
                    continue
                where = folder / "rehearsal"
                need_torch(network)
                network = untrained_resnet50(setting, where / "networks")
            untrained = " (untrained: enters no cell)" if where != folder else ""
            steps.tell(f"{number} of {len(settings)}: {setting.name}{untrained}")
            request = request_for(
                setting,
                network,
                data="imagenet",
                reading=Reading(data_dir=images, stride=stride, limit=limit),
                num_samples=samples,
                num_selection=whole_number(num_selection, "num_selection"),
                device=device,
            )
            with steps.work("votes", unit="passes") as update:
                counted = count_setting(request, where / "runs" / setting.name, on_progress=update)
            write_counted(where / "counts", setting.name, counted)
        rehearsed = folder / "rehearsal" / "counts"
        return draw_table(
            TABLE2,
            folder / "counts",
            folder,
            num_samples=samples,
            rehearsed=sum(cell.certified is not None for cell in all_cells(TABLE2, rehearsed))
            if rehearse
            else None,
        )
