"""DataFrames are cast row by row: no row decides what another becomes."""

from __future__ import annotations

import numpy as np
import pytest

import topcert
from topcert.datasets.from_memory import in_memory
from topcert.datasets.reading import Reading

pd = pytest.importorskip("pandas")


def frame() -> object:
    return pd.DataFrame(
        {
            "age": [30, 41, 25],
            "member": [True, False, True],
            "colour": pd.Categorical(["red", "blue", "red"], categories=["green", "red", "blue"]),
            "class": ["a", "b", "a"],
        }
    )


def test_each_cell_is_cast_by_its_own_column() -> None:
    found = in_memory(frame(), "class").load(Reading())
    assert [found.read(row).tolist() for row in range(3)] == [[30, 1, 1], [41, 0, 2], [25, 1, 1]]
    assert found.class_names == ("a", "b")
    assert found.raw is not None
    assert "one changed column moves 1 column" in found.raw.in_words(unit="column")


def test_a_row_alone_is_what_it_is_among_others() -> None:
    table = frame().drop(columns="class")  # type: ignore[attr-defined]
    cast = topcert.RowCast.of(table)
    whole = cast(table)
    for row in range(3):
        assert np.array_equal(cast(table.iloc[[row]]), whole[[row]])
    assert "colour: green is 0, red is 1, blue is 2" in cast.in_words()


def test_text_without_categories_is_refused_and_named_ones_are_taken() -> None:
    table = frame()
    with pytest.raises(ValueError, match=r"column 'class' holds .*name its categories"):
        topcert.RowCast.of(table)
    cast = topcert.RowCast.of(table, categories={"class": ["b", "a"]})
    assert cast(table)[:, 3].tolist() == [1, 0, 1]
    other = pd.DataFrame({"age": [1], "member": [True], "colour": ["red"], "class": ["c"]})
    with pytest.raises(ValueError, match="row 0: column 'class' holds 'c', which is none of"):
        cast(other)
    other["class"], other["age"] = "a", "old"
    with pytest.raises(ValueError, match="row 0: column 'age' holds 'old', which is no number"):
        cast(other)


def test_results_are_frames() -> None:
    table = frame().drop(columns="class")  # type: ignore[attr-defined]
    smoothed = topcert.SmoothedClassifier(
        lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=2)
    )
    votes = smoothed.vote(table, [0, 1, 2], num_samples=100, progress=False)
    assert votes.manifest.data == "a DataFrame in memory"
    assert votes.to_pandas()[["0", "1", "2"]].sum(axis=1).tolist() == [100] * 3
    found = votes.certify(k=(1, 2))
    assert found.to_pandas()["radius"].dtype == "Int64"
    assert len(found.to_pandas()) == 6
    assert {"run", "k", "radius", "share", "lower", "upper"} <= set(
        found.accuracy().to_pandas().columns
    )
    assert "One changed column" in found.promise() or "of a row" in found.promise().lower()
    shown = smoothed.predict(table, k=2, num_samples=100, progress=False)
    assert len(shown.to_pandas()) == 6
