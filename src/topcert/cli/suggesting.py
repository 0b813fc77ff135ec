"""What one command suggests to do with another: settings for a radius, and how to certify."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.table import Table

from topcert.cli.progress import console
from topcert.evaluation.tuning import Trial
from topcert.methods.planning import Setting
from topcert.methods.suggestions import PERCENTS, SufficientSetting, reaches
from topcert.modalities.registered_modalities import plural_of
from topcert.noise.law import IID
from topcert.randomization.lattices import read_strides
from topcert.voting.request import Request

NOT_KNOWN: Final = (
    "not known before votes are seen: how often a network names a label when it sees so little. The"
    " fewer features are kept, the larger the radius and the blinder the network; the more labels a"
    " vote names (w), the more often the label is among them and the more often it must be. A small"
    " labelled sample tells, on other inputs than those that are certified"
)


def certify_command(trial: Trial, asked: Request, *, k: int, more: Mapping[str, object]) -> str:
    """What certifies other inputs by the setting of a trial.

    They are read, and shown to the model, as those of `asked` were; `more` holds further options by
    name, None for those that were not given.
    """
    words = ["topcert certify DATA", asked.model, "--method", trial.method]
    # then it says how many it keeps
    strided = trial.law != IID and read_strides(trial.law) is not None
    words += [] if trial.law == IID else ["--design", trial.law]
    words += [] if strided else ["--keep", str(trial.num_kept)]
    words += ["--samples", str(trial.passes), "--k", str(k)]
    words += [] if trial.num_named == 1 else ["--ballot", str(trial.num_named)]
    reading = asked.reading
    span = reading.value_range
    given = {
        "--unit": asked.unit,
        "--resize": reading.resize,
        "--crop": reading.crop,
        "--channels": reading.channels,
        "--range": None if span is None else f"{span[0]!r} {span[1]!r}",
        "--classes": asked.num_classes,
        "--output": asked.output,
        **more,
    }
    words += [f"{option} {value}" for option, value in given.items() if value is not None]
    if asked.torch_options is not None:
        words += ["--precision", asked.torch_options.precision]
        words += ["--channels-last"] if asked.torch_options.channels_last else []
    return " ".join([*words, "--out RUN"])


def suggest(setting: Setting, radius: int, *, unit: str, grid: bool) -> dict[str, Any]:
    """Print which e, w and designs can reach a radius, and how to choose; returns it for --json.

    `grid`: the features are known to be the pixels of images, which lattices are for.
    """
    found = reaches(setting, radius)
    units = unit if radius == 1 else plural_of(unit)
    head = f"to reach r = {radius} {units} at k = {setting.k}"
    numbers = f"n = {setting.num_samples:,}, alpha = {setting.alpha:g}"
    _table(
        f"{head}: the most features that a mask may keep (e), {numbers}",
        {(reach.num_named, reach.percent): reach.num_kept for reach in found},
    )
    if setting.attacker.rewrites_alone:  # designs know one length of inputs
        _table(
            f"{head} over a design, for certain: the fewest blocks that share no feature",
            {(reach.num_named, reach.percent): reach.num_blocks for reach in found},
        )
    commands = _tune_commands(setting, radius, found, grid=grid)
    console.print(NOT_KNOWN, highlight=False, soft_wrap=True)
    for command in commands:
        console.print(f"  {command}", highlight=False, soft_wrap=True, markup=False)
    if not commands:
        console.print(
            f"no setting reaches r = {radius} at k = {setting.k}; raise --samples, or ask for less",
            highlight=False,
        )
    return {
        "radius": radius,
        "k": setting.k,
        "reaches": [asdict(reach) for reach in found],
        "tune": commands,
        "not_known": NOT_KNOWN,
    }


def _table(title: str, cells: Mapping[tuple[int, int], int | None]) -> None:
    """A row for each w, a column for each share of votes that name the label."""
    shares = ["at best" if percent == 100 else f"{percent} %" for percent in PERCENTS]
    console.print(
        f"{title}, if the label is named by so many of the votes and all else is spread evenly:",
        highlight=False,
        soft_wrap=True,
    )
    table = Table()
    for heading in ("w", *shares):
        table.add_column(heading, justify="right")
    for w in dict.fromkeys(w for w, _ in cells):
        row = [cells[w, percent] for percent in PERCENTS]
        table.add_row(str(w), *("none" if value is None else f"{value:,}" for value in row))
    console.print(table)


def _tune_commands(
    setting: Setting, radius: int, found: Sequence[SufficientSetting], *, grid: bool
) -> list[str]:
    """What tries them: of each share of votes but the best, the e and the blocks of the best w."""
    shares = [[reach for reach in found if reach.percent == percent] for percent in PERCENTS[1:]]
    kept = [[reach.num_kept for reach in row if reach.num_kept is not None] for row in shares]
    blocks = [[reach.num_blocks for reach in row if reach.num_blocks is not None] for row in shares]
    asked = f"topcert tune DATA MODEL --radius {radius} --k {setting.k}"
    made = []
    if any(kept):
        tried = sorted({max(row) for row in kept if row})
        made.append(f"{asked} --keep {','.join(map(str, tried))} --out tuned")
    fewest = sorted({min(row) for row in blocks if row})
    if fewest and grid:
        names = dict.fromkeys(f"lattice:{rows}x{columns}" for rows, columns in map(_cut, fewest))
        made.append(f"{asked} --design {','.join(names)} --out tuned-designs")
    elif fewest:
        made += [
            f"{asked} --design partitions --keep {-(-setting.num_features // size)} --samples"
            f" {size} --out tuned-{size}"
            for size in fewest
        ]
    return made


def _cut(blocks: int) -> tuple[int, int]:
    """Strides of rows and columns, as equal as can be, of at least so many grids."""
    side = math.isqrt(blocks - 1) + 1
    return (side - 1, side) if (side - 1) * side >= blocks else (side, side)
