"""Certified accuracy counts what it says, floors what it prints, and survives the disk."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from topcert.evaluation.accuracy import (
    accuracy_curves,
    curve_rows,
    floored,
    floored_float,
    read_accuracy,
    shown_curves,
    write_accuracy,
)
from topcert.methods.certificate_table import CertificateTable, LabelChoice
from topcert.theory.certified_radius import ABSTAIN


def certificates(
    index: list[int],
    label: list[int],
    k: list[int],
    radius: list[int],
    choice: LabelChoice = "given",
) -> CertificateTable:
    columns = (np.array(column, np.int64) for column in (index, label, k, radius))
    names = ("index", "label", "k", "radius")
    return CertificateTable(
        **dict(zip(names, columns, strict=True)),
        unit="pixel",
        method="ablation",
        alpha=0.1,
        label_choice=choice,
    )


def test_given_labels_count_inputs_whose_radius_is_reached() -> None:
    made = certificates([0, 20, 40, 60], [1, 1, 2, 0], [3] * 4, [2, ABSTAIN, 0, 5])
    (curve,) = accuracy_curves(made, {0: 1, 20: 1, 40: 2, 60: 0})
    assert curve.certified.tolist() == [3, 2, 2, 1, 1, 1, 0]
    assert curve.total == 4
    assert curve.at(0) == 0.75
    assert curve.at(99) == 0.0
    assert curve.quantity == "certified top-k accuracy"


def test_predicted_labels_count_only_where_the_true_one_is_shown() -> None:
    made = certificates([0, 0, 1, 1], [3, 4, 2, 1], [2] * 4, [5, 1, 4, ABSTAIN], "predicted")
    (curve,) = accuracy_curves(made, {0: 4, 1: 1})
    assert curve.certified.tolist() == [1, 1, 0]
    assert curve.total == 2


def test_without_true_labels_the_first_label_of_each_input_is_its_prediction() -> None:
    made = certificates(
        [7, 7, 3, 3, 5, 5], [3, 4, 2, 1, 0, 1], [2] * 6, [0, 2, ABSTAIN, 4, 1, 0], "predicted"
    )
    (curve,) = accuracy_curves(made, None)
    assert curve.certified.tolist() == [2, 1, 0]
    assert curve.total == 3
    assert curve.quantity == "share of inputs whose prediction is certified at r"
    (older,) = shown_curves(made)
    assert older.certified.tolist() == [5, 3, 2, 1, 1, 0]
    assert older.total == 6
    assert older.quantity == "share of shown labels certified"


def test_nothing_certified_is_a_curve_of_zero() -> None:
    (curve,) = accuracy_curves(certificates([0], [1], [1], [ABSTAIN]), {0: 1})
    assert curve.certified.tolist() == [0]


@given(st.integers(0, 10**6), st.integers(1, 10**6), st.integers(1, 9))
def test_floored_never_rounds_up_and_is_within_one_digit(
    part: int, whole: int, decimals: int
) -> None:
    shown = Fraction(floored(part, whole, decimals))
    assert shown <= Fraction(part, whole) < shown + Fraction(1, 10**decimals)


@given(st.floats(0, 1e9), st.integers(1, 9))
def test_a_floored_float_never_exceeds_it_and_is_within_one_digit(
    value: float, decimals: int
) -> None:
    shown = Fraction(floored_float(value, decimals))
    assert shown <= Fraction(value) < shown + Fraction(1, 10**decimals)


def test_floats_are_floored_by_their_exact_value() -> None:
    assert floored_float(0.3, 6) == "0.299999"  # the float lies below
    assert floored_float(0.5, 6) == "0.500000"
    assert floored_float(5e-324, 6) == "0.000000"
    assert floored_float(float("inf"), 6) == "inf"


def test_curves_survive_the_disk(tmp_path: Path) -> None:
    curves = accuracy_curves(certificates([0, 1], [1, 1], [1, 3], [2, 0]), {0: 1, 1: 1})
    write_accuracy(curves, tmp_path / "accuracy.csv")
    assert read_accuracy(tmp_path / "accuracy.csv") == curve_rows(curves)


def test_certificates_survive_the_disk_with_abstain_as_null(tmp_path: Path) -> None:
    made = certificates([0, 1], [1, 0], [1, 1], [ABSTAIN, 0])
    made.write(tmp_path / "c.parquet", metadata={"a": "b"})
    found, metadata = CertificateTable.read(tmp_path / "c.parquet")
    assert found.radius.tolist() == [ABSTAIN, 0]
    assert metadata == {"a": "b"}
    assert (found.unit, found.method, found.alpha, found.label_choice) == (
        "pixel",
        "ablation",
        0.1,
        "given",
    )


def test_l2_radii_survive_the_disk_with_nan_as_null(tmp_path: Path) -> None:
    l2 = np.array([np.nan, 0.1234567890123])
    replace(certificates([0, 1], [1, 0], [1, 1], [ABSTAIN, 0]), l2_radius=l2).write(
        tmp_path / "c.parquet", metadata={}
    )
    found, _ = CertificateTable.read(tmp_path / "c.parquet")
    np.testing.assert_array_equal(found.l2_radius, l2)
    certificates([0], [1], [1], [0]).write(tmp_path / "d.parquet", metadata={})
    assert CertificateTable.read(tmp_path / "d.parquet")[0].l2_radius is None


def test_selected_labels_count_only_where_the_true_one_was_selected() -> None:
    made = certificates([0, 1, 2], [1, 1, 2], [1] * 3, [2, 3, ABSTAIN], "selected")
    (curve,) = accuracy_curves(made, {0: 1, 1: 0, 2: 2})
    assert curve.certified.tolist() == [1, 1, 1, 0]
    assert curve.total == 3


@pytest.mark.parametrize("text", ["", "k,radius\n", "not a table"])
def test_a_damaged_accuracy_table_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "accuracy.csv").write_text(text)
    with pytest.raises(ValueError, match=r"accuracy\.csv"):
        read_accuracy(tmp_path / "accuracy.csv")
