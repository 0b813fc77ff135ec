"""A model that remembers by less than a row is found by a second instance that was asked other rows
first.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import Outcome
from topcert.voting import run
from topcert.voting.checks import CHECKS, SecondCheck, read_check, second_in_words

MODELS = """
import functools
import numpy as np
W = np.abs(np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32))
SHARED = {}

def scores(row):
    return (row[:, None] * W).sum(0)

def keyed(key, cache=None, labels=False):
    cache = {} if cache is None else cache
    def run(batch):
        found = []
        for row in batch:
            if key(row) not in cache:
                cache[key(row)] = scores(row)
            found.append(cache[key(row)])
        return np.stack(found).argmax(1) if labels else np.stack(found)
    return run

def kept(row):
    return (row >= 0).tobytes()

def honest():
    return keyed(lambda row: row.tobytes())

def by_mask():
    return keyed(kept)

def by_mask_labels():
    return keyed(kept, labels=True)

def by_mask_in_its_module():
    return keyed(kept, SHARED)

def by_sum():
    return keyed(lambda row: round(float(row.sum()), 3))

def by_largest():
    return keyed(lambda row: float(row.max()))

def by_norm():
    return keyed(lambda row: round(float(np.linalg.norm(row)), 2))

def by_mask_and_sum():
    return keyed(lambda row: (kept(row), round(float(row.sum()), 3)))

def by_rounded_row():
    return keyed(lambda row: np.round(row, 1).tobytes())

def by_first_columns():
    return keyed(lambda row: row[:8].tobytes())

def least_recently_used():
    rows = {}
    cached = functools.lru_cache(maxsize=64)(lambda key: scores(rows[key]))
    def run(batch):
        rows.update((kept(row), row) for row in batch)
        return np.stack([cached(kept(row)) for row in batch])
    return run

def drawn_when_loaded():
    shift = np.random.default_rng().normal(size=5)
    return lambda batch: np.stack([scores(row) for row in batch]) + shift
"""
REMEMBERING = (
    "by_mask",
    "by_mask_labels",
    "by_mask_in_its_module",
    "by_sum",
    "by_largest",
    "by_norm",
    "by_mask_and_sum",
    "by_rounded_row",
    "by_first_columns",
    "least_recently_used",
    "drawn_when_loaded",
)


@pytest.fixture
def remembering(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (workplace / "remembering.py").write_text(MODELS)
    monkeypatch.delitem(sys.modules, "remembering", raising=False)
    table = np.load(workplace / "table.npz")
    np.savez(workplace / "one.npz", x=table["x"][:1], y=table["y"][:1])
    return workplace


def certify(
    topcert: Callable[..., Outcome], model: str, *more: object, data: str = "table.npz"
) -> Outcome:
    shape = () if "--batch-size" in more else ("--batch-size", 25)
    asked = ("--keep", 6, "--samples", 100, "--k", 1, "--classes", 5, "--out", "a")
    return topcert("certify", data, f"remembering:{model}", *asked, *shape, *more)


@pytest.mark.parametrize(
    ("model", "data"),
    [
        *((model, "table.npz") for model in REMEMBERING),
        ("by_mask", "one.npz"),
        ("by_sum", "one.npz"),
    ],
)
def test_a_memory_by_less_than_a_row_is_refused(
    remembering: Path, topcert: Callable[..., Outcome], model: str, data: str
) -> None:
    found = certify(topcert, model, data=data)
    assert found.code == 2, found.out
    assert (
        "rows got another answer of a second instance of the model (its modules run again)"
        in found.err
    )
    assert not Path("a").exists()


@pytest.mark.parametrize("data", ["table.npz", "one.npz"])
def test_one_row_at_a_time_and_under_a_design_too(
    remembering: Path, topcert: Callable[..., Outcome], data: str
) -> None:
    for more in (("--batch-size", 1), ("--method", "design", "--design", "partitions")):
        found = certify(topcert, "by_mask", *more, data=data)
        assert found.code == 2
        assert "second instance" in found.err


def test_at_the_end_it_is_asked_the_recorded_votes(
    remembering: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, ask = [], run._ask_second

    def only_at_the_end(prepared: Any, voter: Any, *place: Any) -> SecondCheck:
        asked.append(place)
        return (
            ask(prepared, voter, *place)
            if len(asked) > 1
            else SecondCheck(rows=1, passes=0, how="")
        )

    monkeypatch.setattr(run, "_ask_second", only_at_the_end)
    found = certify(topcert, "by_mask")
    assert found.code == 2
    assert "second instance" in found.err
    assert asked == [(0, 0), (7, 75)]
    assert Path("a", "ledger", "block-000000.parquet").exists()
    assert not Path("a", CHECKS).exists()
    assert not Path("a", "certificates.parquet").exists()


def test_without_a_second_instance_it_would_be_certified(
    remembering: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    def unasked(*_: object) -> SecondCheck:
        return SecondCheck(rows=0, passes=0, how="not asked")

    monkeypatch.setattr(run, "_ask_second", unasked)
    assert certify(topcert, "by_mask").code == 0


def write(record: dict[str, Any]) -> None:
    Path("a", CHECKS).write_text(json.dumps(record, indent=2, sort_keys=True) + "\n")


def test_a_memory_of_whole_rows_is_none_that_matters_and_the_record_says_what_was_asked(
    remembering: Path, topcert: Callable[..., Outcome]
) -> None:
    made = certify(topcert, "honest")
    assert made.code == 0, made.err
    shown = (
        "A second instance of the model (its modules run again) agreed on 32 rows, asked in another"
        " order."
    )
    assert shown in made.err
    assert shown in " ".join(made.out.split())
    record = json.loads(Path("a", CHECKS).read_text())
    assert (record["second"], record["second_rows"]) == ("its modules run again", 2 * 16)
    found = read_check(Path("a"), record["manifest"])
    assert found is not None
    assert found.second is not None
    assert found.passes == record["passes"] + record["second_passes"]
    older = {name: value for name, value in record.items() if not name.startswith("second")}
    write(older)
    assert topcert("verify", "a").code == 0
    for changed in ({"second_rows": -1}, {"second": 3}, {"second_passes": "many"}):
        write({**record, **changed})
        assert topcert("verify", "a").code == 2


def test_that_there_was_none_is_told() -> None:
    none = SecondCheck(rows=0, passes=0, how="no memory left")
    assert "would go unnoticed (no memory left)" in second_in_words(none + none)
    assert "would go unnoticed (no memory left)" in second_in_words(
        SecondCheck(rows=3, passes=9, how="x") + none
    )
