"""Table 1 and Appendix D's row: CIFAR-10, every method."""

from __future__ import annotations

from pathlib import Path

from topcert.datasets.reading import Reading
from topcert_paper.carried import read_budget, table1_counts
from topcert_paper.collecting import (
    INTERVAL_EFFORT,
    TABLE1_EFFORT,
    bound_images,
    count_setting,
    request_for,
    train_interval,
    train_setting,
    useful_settings,
)
from topcert_paper.needs import need_torch
from topcert_paper.records import write_counted
from topcert_paper.reproduce.made_table import MadeTable, draw_table
from topcert_paper.reproduce.steps import Progress, steps_of
from topcert_paper.tables import NUM_SELECTION, TABLE1
from topcert_paper.words import paper_words


def reproduce_table1(
    *,
    out: str | Path = "topcert-table1",
    budget: str = "small",
    from_counts: bool = False,
    every_setting: bool = False,
    data_dir: str | Path | None = None,
    device: str = "auto",
    progress: Progress = None,
) -> MadeTable:
    """Measure Table 1 of the paper again, as `topcert reproduce table1` does.

    Trains what `out`/networks lacks (extra `torch`), collects the votes that `out`/runs lacks, and
    goes on where it was stopped. A network of your own is taken if it lies at
    `out`/networks/SETTING/NETWORK.onnx.

    Parameters
    ----------
    out
        A folder for networks, votes, counts and the table.
    budget
        "small" or "paper": the network, and n = 10,000 or 100,000.
    from_counts
        Redraw it from the votes that this package carries; nothing is measured.
    every_setting
        Also settings that cannot certify one pixel at this n.
    data_dir
        The folder of CIFAR-10; without it, it is downloaded.
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
        For another budget, or one whose votes are not carried; where torch is missing.

    Examples
    --------
    >>> from topcert_paper import reproduce_table1
    >>> made = reproduce_table1(out="table1", from_counts=True)
    >>> [path.name for path in made.paths]
    ['table1.csv', 'table1.md', 'table1.tex']
    >>> reproduce_table1(budget="large")
    Traceback (most recent call last):
    ValueError: budget must be one of small, paper, got 'large'
    """
    with paper_words():
        size, folder = read_budget(budget), Path(out)
        effort = TABLE1_EFFORT[size]
        if from_counts:
            counts = table1_counts(size)
            return draw_table(TABLE1, counts, folder, num_samples=effort.num_samples)
        steps, data = steps_of(progress), None if data_dir is None else Path(data_dir)
        counts = folder / "counts"
        settings = (
            TABLE1.settings
            if every_setting
            else useful_settings(TABLE1, num_samples=effort.num_samples)
        )
        for number, setting in enumerate(settings, 1):
            steps.tell(f"{number} of {len(settings) + 1}: {setting.name}")
            networks = folder / "networks" / setting.name
            need_torch(networks / f"{effort.network}.onnx")
            with steps.work("train", unit="steps") as update:
                network = train_setting(
                    setting, effort, networks, data_dir=data, device=device, on_step=update
                )
            request = request_for(
                setting,
                network,
                data="cifar10",
                reading=Reading(data_dir=data),
                num_samples=effort.num_samples,
                num_selection=NUM_SELECTION,
                device=device,
            )
            with steps.work("votes", unit="passes") as update:
                counted = count_setting(request, folder / "runs" / setting.name, on_progress=update)
            write_counted(counts, setting.name, counted)
        steps.tell(f"{len(settings) + 1} of {len(settings) + 1}: interval bounds")
        networks = folder / "networks" / "interval"
        need_torch(networks / f"{INTERVAL_EFFORT.network}.onnx")
        with steps.work("train", unit="steps") as update:
            network = train_interval(INTERVAL_EFFORT, networks, data_dir=data, on_step=update)
        with steps.work("bounds", unit="images") as update:
            bound_images(network, INTERVAL_EFFORT, counts, data_dir=data, on_progress=update)
        return draw_table(TABLE1, counts, folder, num_samples=effort.num_samples)
