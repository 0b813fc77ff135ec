"""Cells of a table: each row at the best of its settings, from the votes alone, and nothing made
up.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from topcert.methods.certify import certify
from topcert.methods.registered_methods import find_vote_method
from topcert.noise.discrete import Discrete
from topcert.noise.gaussian import Gaussian
from topcert.randomization import discrete_shifts, grid_noise
from topcert.theory.certified_radius import ABSTAIN
from topcert_paper.cells import Cell, all_cells
from topcert_paper.collecting import useful_settings
from topcert_paper.records import (
    Counted,
    Origin,
    read_counted,
    read_radii,
    write_counted,
    write_origin,
    write_radii,
)
from topcert_paper.rendering import COLUMNS, NOT_MEASURED, papers, write_table
from topcert_paper.tables import ALPHA, RADII, SIGMAS, TABLE1, TABLE2, PaperTable, Setting

SAMPLES, SELECTION, INPUTS = 10_000, 100, 12


def votes(seed: int, classes: int = 10) -> Counted:
    """Votes of which some are all but unanimous, and labels that are mostly the most voted."""
    generator = np.random.default_rng(seed)
    shares = generator.dirichlet(np.full(classes, 0.02), INPUTS)
    counts = np.stack([generator.multinomial(SAMPLES, share) for share in shares])
    selection = np.stack([generator.multinomial(SELECTION, share) for share in shares])
    labels = np.where(
        generator.random(INPUTS) < 0.8,
        counts.argmax(axis=1),
        generator.integers(0, classes, INPUTS),
    )
    origin = Origin(
        network="made up", num_samples=SAMPLES, num_selection=SELECTION, multiply_adds=8_100_000
    )
    return Counted(counts=counts, selection=selection, labels=labels, origin=origin)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed, setting in enumerate(TABLE1.settings):
        write_counted(tmp_path, setting.name, votes(seed))
    write_radii(tmp_path, np.arange(4), np.zeros(4, np.int64), np.array([ABSTAIN, 0, 2, 7]))
    write_origin(tmp_path, "interval", Origin(network="mlp"))
    return tmp_path


def slow_hits(
    table: PaperTable, folder: Path, method: str, k: int, setting: Setting, radius: int
) -> int:
    """Inputs whose true label is certified at a radius, one by one."""
    counted = read_counted(folder, setting.name)
    assert counted is not None
    certifier = find_vote_method(method)
    hits = 0
    for row in range(INPUTS):
        label: NDArray[np.int64] = counted.labels[row : row + 1]
        if certifier.selects and counted.selection[row].argmax() != label[0]:
            continue
        made = certify(
            certifier,
            counted.counts[row : row + 1],
            smoothing=table.smoothing(setting),
            labels=label,
            label_choice="given",
            ks=[k],
            alpha=ALPHA,
        )
        hits += int(made.radius[0] >= radius)
    return hits


def test_bounds_leave_room_for_the_law_error_of_each_noise() -> None:
    for setting in TABLE1.settings:
        error = TABLE1.smoothing(setting).law_error
        if isinstance(setting.noise, Gaussian):
            assert error == grid_noise.law_error(sigma=setting.noise.sigma, width=3072) > 0
        elif isinstance(setting.noise, Discrete):
            assert error == discrete_shifts.law_error(width=3072, num_values=256) > 0
        else:
            assert error == 0


def test_every_cell_is_the_best_of_its_settings(folder: Path) -> None:
    cells = all_cells(TABLE1, folder)
    assert len(cells) == (1 + len(TABLE1.rows)) * len(RADII)
    seen_above_zero = set()
    for cell in cells:
        if cell.method == "chiang":
            continue
        row = next(row for row in TABLE1.rows if (row.k, row.title) == (cell.k, cell.title))
        by_setting = {
            setting: slow_hits(TABLE1, folder, row.method, row.k, setting, cell.radius)
            for setting in row.settings
        }
        assert cell.certified == max(by_setting.values())
        assert cell.total == INPUTS
        best = {
            setting.in_words() for setting, hits in by_setting.items() if hits == cell.certified
        }
        assert cell.setting in (best if cell.certified else {""})
        if cell.certified:
            seen_above_zero.add(cell.method)
    assert {"ablation", "levine-feizi", "cohen", "jia-2020", "lee"} <= seen_above_zero


def test_the_deterministic_row_counts_radii(folder: Path) -> None:
    cells = [cell for cell in all_cells(TABLE1, folder) if cell.method == "chiang"]
    assert [cell.certified for cell in cells] == [2, 2, 1, 1, 1]
    assert {cell.total for cell in cells} == {4}
    assert {cell.alpha for cell in cells} == {0.0}
    assert read_radii(folder) is not None


def test_settings_that_are_left_out_could_not_have_changed_a_cell(folder: Path) -> None:
    """Even votes that are all for the right label certify no pixel under them."""
    useless = [
        setting
        for setting in TABLE1.settings
        if setting not in useful_settings(TABLE1, num_samples=SAMPLES)
    ]
    assert {setting.name for setting in useless} == {
        "gaussian-0.1",
        "gaussian-0.12",
        "gaussian-0.25",
        "discrete-0.5",
    }
    before = all_cells(TABLE1, folder)
    for setting in useless:
        counts = np.zeros((INPUTS, 10), np.int64)
        counts[:, 0] = SAMPLES
        labels, selection = np.zeros(INPUTS, np.int64), counts // (SAMPLES // SELECTION)
        origin = Origin(network="all for one", num_samples=SAMPLES, num_selection=SELECTION)
        write_counted(
            folder,
            setting.name,
            Counted(counts=counts, selection=selection, labels=labels, origin=origin),
        )
    assert [cell.certified for cell in all_cells(TABLE1, folder)] == [
        cell.certified for cell in before
    ]


def test_what_was_not_measured_says_so(tmp_path: Path) -> None:
    cells = all_cells(TABLE2, tmp_path)
    assert len(cells) == len(TABLE2.rows) * len(RADII)
    assert all(cell.certified is None and cell.origin is None for cell in cells)
    paths = write_table(cells, tmp_path / "out" / "table2", caption="Table2")
    for path in paths:
        assert path.read_text(encoding="utf-8").count(NOT_MEASURED) >= len(TABLE2.rows)


def test_a_row_takes_the_settings_that_were_measured(folder: Path) -> None:
    for setting in SIGMAS[:-1]:
        (folder / f"{setting.name}.csv").unlink()
    cells = [cell for cell in all_cells(TABLE1, folder) if cell.method == "cohen"]
    assert {cell.setting for cell in cells} <= {"sigma = 1.0", ""}
    assert cells[0].certified


def test_the_three_forms_hold_the_same_numbers(folder: Path, tmp_path: Path) -> None:
    cells = all_cells(TABLE1, folder)
    csv_path, markdown, latex = write_table(
        cells, tmp_path / "made" / "table1", caption="Table1: 50 % & more"
    )
    lines = csv_path.read_text(encoding="utf-8").splitlines()
    assert lines[0].split(",") == list(COLUMNS)
    assert len(lines) == 1 + len(cells)
    for cell in cells:
        shown = _number(cell)
        assert f"{shown} ({papers(cell)})" in markdown.read_text(encoding="utf-8")
        assert f"{shown} ({papers(cell)})" in latex.read_text(encoding="utf-8")
        assert any(f",{cell.radius},{shown},{cell.paper}," in line for line in lines)
    text = latex.read_text(encoding="utf-8")
    assert r"50 \% \& more" in text
    assert text.count(r"\\") == len(TABLE1.rows) + 2
    assert "8.1 M multiply-adds" in markdown.read_text(encoding="utf-8")


def test_a_caption_names_network_and_inputs_and_latex_numbers_it_itself(
    folder: Path, tmp_path: Path
) -> None:
    cells = all_cells(TABLE1, folder)
    _, markdown, latex = write_table(cells, tmp_path / "table1", caption=TABLE1.caption)
    measured = ", ".join(
        dict.fromkeys(cell.origin.network for cell in cells if cell.origin is not None)
    )
    message = (
        f"ertified top-k accuracy on CIFAR-10, ours (the paper's). Networks: {measured}; 4, 12"
        " images."
    )
    assert markdown.read_text(encoding="utf-8").startswith(f"Table 1: c{message}\n")
    assert rf"\caption{{C{message}}}".replace("_", r"\_") in latex.read_text(encoding="utf-8")
    assert "Table" not in latex.read_text(encoding="utf-8").replace(r"\begin{table}", "")
    for path in (markdown, latex):
        assert "(0.0)" not in path.read_text(encoding="utf-8")
        assert "(0.000)" in path.read_text(encoding="utf-8")


def _number(cell: Cell) -> str:
    assert cell.certified is not None
    return (
        f"0.{cell.certified * 1000 // cell.total:03d}" if cell.certified < cell.total else "1.000"
    )


def test_the_paper_is_copied_right() -> None:
    """Every row has five numbers that never rise, and the rows that are one certificate are
    equal.
    """
    for table in (TABLE1, TABLE2):
        for row in table.rows:
            numbers = [float(text) for text in row.paper]
            assert len(numbers) == len(RADII)
            assert numbers == sorted(numbers, reverse=True)
        by_name = {(row.k, row.method): row.paper for row in table.rows}
        assert by_name[1, "levine-feizi-simuem"] == by_name[1, "ablation"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            lambda folder: (folder / "record.json").write_text("{", encoding="utf-8"),
            "record.json is damaged",
        ),
        (
            lambda folder: (folder / "record.json").write_text(
                '{"a": {"network": "b"}}', encoding="utf-8"
            ),
            "its entries",
        ),
        (lambda folder: (folder / "gaussian-0.5.selection.csv").unlink(), "is not a file"),
        (
            lambda folder: (folder / "interval.csv").write_text(
                "index,label,radius\n0,1,x\n", encoding="utf-8"
            ),
            "damaged",
        ),
        (lambda folder: _lose_a_vote(folder / "gaussian-0.5.csv"), "must sum to 10000"),
    ],
)
def test_damaged_records_are_named(folder: Path, change: object, says: str) -> None:
    change(folder)  # type: ignore[operator]
    with pytest.raises(ValueError, match=says):
        all_cells(TABLE1, folder)


def _lose_a_vote(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    cells = lines[1].split(",")
    place = next(i for i, cell in enumerate(cells) if int(cell) > 0)
    cells[place] = str(int(cells[place]) - 1)
    path.write_text("\n".join([lines[0], ",".join(cells), *lines[2:]]) + "\n", encoding="utf-8")
