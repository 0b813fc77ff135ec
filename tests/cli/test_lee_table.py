"""`topcert lee-table`: exact thresholds, rounded up, and what it refuses."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from tests.conftest import Outcome
from topcert.theory.discrete_radius import NEARLY_ONE, lee_thresholds


def rows_of(text: str) -> list[tuple[int, str]]:
    return [(int(row["radius"]), row["threshold"]) for row in csv.DictReader(io.StringIO(text))]


def test_the_table_of_the_paper(topcert: Callable[..., Outcome]) -> None:
    run = topcert("lee-table", "--keep-probability", "0.2", "--values", 256, "--max-radius", 4)
    assert (run.code, run.err) == (0, "")
    assert run.out.splitlines() == [
        "radius,threshold",
        "0,0.50000000000000000000",
        "1,0.69686274509803921569",
        "2,0.85373533256439830835",
        "3,0.97898829668830238747",
        "4,0.99493645881485561183",
    ]


@pytest.mark.parametrize(("keep", "values"), [("0.1", 256), ("0.5", 256), ("4/5", 2), ("0.05", 3)])
def test_thresholds_are_rounded_up_at_the_twentieth_decimal(
    topcert: Callable[..., Outcome], keep: str, values: int
) -> None:
    run = topcert("lee-table", "--keep-probability", keep, "--values", values)
    rows = rows_of(run.out)
    exact = lee_thresholds(keep_probability=keep, num_values=values)
    assert [radius for radius, _ in rows] == list(range(len(exact)))
    for (_, text), threshold in zip(rows, exact, strict=True):
        assert len(text.partition(".")[2]) == 20
        assert 0 <= Fraction(text) - threshold < Fraction(1, 10**20)
    assert Fraction(rows[-2][1]) < NEARLY_ONE <= Fraction(rows[-1][1])


def test_a_threshold_within_the_last_decimal_of_one_is_not_rounded_down(
    topcert: Callable[..., Outcome],
) -> None:
    run = topcert("lee-table", "--keep-probability", "0.99", "--values", 256, "--max-radius", 9)
    assert rows_of(run.out)[-1] == (9, "1.00000000000000000000")


def test_out_writes_what_would_be_printed(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    command = ["lee-table", "--keep-probability", "0.3", "--values", 256]
    assert topcert(*command, "--out", "table.csv").out == ""
    assert Path("table.csv").read_text() == topcert(*command).out


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (["--keep-probability", "1"], "strictly between 0 and 1"),
        (["--keep-probability", "often"], "got 'often'"),
        (["--values", 1], "--values must lie"),
        (["--max-radius", 10**6], "0 .. 1000"),
        (["--max-radius=-1"], "--max-radius must lie"),
        (["--keep-probability", "0.00390625"], "name a max_radius"),
        (["--values", "many"], "--values"),
    ],
)
def test_bad_options_are_refused_in_one_line(
    topcert: Callable[..., Outcome], changed: list[object], says: str
) -> None:
    run = topcert("lee-table", "--keep-probability", "0.2", "--values", 256, *changed)
    assert run.code == 2
    assert says in run.err
    assert len(run.err.strip().splitlines()) == 1
