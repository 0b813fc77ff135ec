"""Kinds of input whose attacker inserts and deletes: what is certified, said, stored and verified,
and what is refused.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.conftest import Outcome
from tests.packages import install
from topcert import (
    Ablation,
    SmoothedClassifier,
    edit_radius,
    open_votes,
    simultaneous_bounds,
    stay_radius,
)
from topcert.modalities.registered_modalities import added_modalities, known_modality
from topcert.plugins import MODALITIES
from topcert.theory.attacker import EDITS

# A package's texts; `test_lengths.py` has them of several lengths.
WORDS = '''
"""Texts as arrays of numbers, one for each word, in their order."""

from typing import ClassVar, final

import numpy as np

from topcert.modalities.encodings.encoding import Encoding
from topcert.modalities.encodings.keep_only import KEEP_ONLY
from topcert.modalities.modality import Modality, Unit


@final
class Words(Modality):
    name: ClassVar[str] = "words"
    called: ClassVar[str] = "texts"
    noun: ClassVar[str] = "texts"
    axes: ClassVar[int] = 1
    axes_in_words: ClassVar[str] = "(inputs, words)"
    units: ClassVar[tuple[Unit, ...]] = (Unit(name="word"),)
    encodings: ClassVar[tuple[Encoding, ...]] = (KEEP_ONLY,)
    kept_alone: ClassVar[bool] = True
    changes: ClassVar[tuple[str, ...]] = ("rewrite", "insert", "delete")

    def split(self, shape, unit):
        return 1, shape[0]

    def planes(self, x, unit):
        return np.ascontiguousarray(x)[None]


MODALITY = Words()
'''
MODEL = '''
import numpy as np


def classify(batch):
    """Of five labels, those whose words are kept most often."""
    kept = batch[..., 0].astype(int) % 5
    return (kept[..., None] == np.arange(5)).sum(axis=1) + np.linspace(0.1, 0, 5)


def make():
    return classify
'''
X = np.random.default_rng(1).choice(5, (6, 40), p=[0.6, 0.25, 0.1, 0.03, 0.02]).astype(np.float64)
COMMAND = ["inputs.npz", "words_model:make", "--unit", "word", "--keep", 6, "--samples", 800]
DONE = "words inserted, deleted or replaced"


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with texts, in the current directory."""
    install(
        monkeypatch,
        tmp_path,
        package="topcert-words",
        entries={MODALITIES: {"words": "words_for_tests:MODALITY"}},
        modules={"words_for_tests": WORDS, "words_model": MODEL},
    )
    monkeypatch.chdir(tmp_path)
    np.savez("inputs.npz", x=X, y=np.zeros(6, np.int64))
    yield tmp_path
    for name in ("words_for_tests", "words_model"):
        sys.modules.pop(name, None)


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_edits_are_certified_said_stored_and_verified(
    words: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert("certify", *COMMAND, "--k", "1,2", "--out", "o", "--json")
    assert run.code == 0, run.err
    assert json.loads(run.out)["moves"] == ["insert", "delete", "rewrite"]
    said = one_line(run.err)
    assert f"r in {DONE}" in said
    assert "however an attacker inserts, deletes or replaces up to r of its words, the" in said
    rows = pq.read_table("o/certificates.parquet").to_pylist()
    assert {row["moves"] for row in rows} == {"insert,delete,rewrite"}
    found = open_votes("o")
    lower, upper = simultaneous_bounds(found.counts, alpha=0.001, labels=np.zeros(6, np.int64))
    space = {"num_features": 40, "num_kept": 6, "k": [1, 2]}
    expected = edit_radius(lower, upper, np.zeros(6, np.int64), **space)
    assert [row["radius"] for row in rows] == [
        None if radius < 0 else radius for radius in expected.reshape(-1).tolist()
    ]
    assert expected.max() >= 2
    checked = topcert("verify", "o", "--model", "words_model:make", "--replay", "50")
    assert checked.code == 0, checked.out + checked.err
    assert f"method ablation, {DONE}" in one_line(checked.out)
    fresh = ("--fresh-seed", "9", "--samples", "300")
    assert topcert("verify", "o", "--model", "words_model:make", *fresh).code == 0
    # fewer moves, larger radii, from the same votes; what is not asked for is as it was saved
    alone = topcert("evaluate", "o", "--moves", "delete", "--json")
    assert json.loads(alone.out)["moves"] == ["delete"]
    assert "r in words deleted" in one_line(alone.err)
    same = json.loads(topcert("evaluate", "o", "--json").out)
    assert same["curves"] == json.loads(run.out)["curves"] != json.loads(alone.out)["curves"]
    assert DONE in found.certify(k=1).accuracy().lines[0].name
    rewritten = found.certify(k=(1, 2), moves=["rewrite"])
    assert "words" not in rewritten.accuracy().lines[0].name
    assert rewritten.moves == ("rewrite",)
    assert (rewritten.table.radius >= found.certify(k=(1, 2)).table.radius).all()
    assert "rewrites up to r of its words" in rewritten.promise()
    for method in ("ablation", "located"):
        assert found.certify(method, k=1, moves=["rewrite"]).radii().max() >= 2
    located = found.certify("located", k=(1, 2))
    assert located.moves == ("insert", "delete", "rewrite")
    assert 1 <= located.table.radius.max() <= rewritten.table.radius.max()
    located.save("located")
    assert topcert("verify", "located").code == 0
    closer = found.certify(k=2, bounds="intersection-union")
    assert (closer.radii() >= expected[:, 1]).all()


def test_forged_moves_are_found(words: Path, topcert: Callable[..., Outcome]) -> None:
    run = topcert("certify", *COMMAND, "--k", 1, "--moves", "delete", "--out", "o")
    assert run.code == 0, run.err
    path = Path("o/certificates.parquet")
    table = pq.read_table(path)
    place = table.column_names.index("moves")
    for moves, code in (("insert,delete,rewrite", 1), ("rewrite", 2), ("delete,insert", 2)):
        forged = table.set_column(place, "moves", [[moves] * len(table)])
        pq.write_table(forged.replace_schema_metadata(table.schema.metadata), path)
        assert topcert("verify", "o").code == code, moves


def test_predictions_count_edits_too(words: Path, topcert: Callable[..., Outcome]) -> None:
    run = topcert("predict", *COMMAND, "--k", 2, "--seed", 5, "--out", "o")
    assert run.code == 0, run.err
    rows = list(csv.DictReader(run.out.splitlines()))
    assert {row["moves"] for row in rows} == {"insert,delete,rewrite"}
    counts = open_votes("o").counts
    lower, upper = simultaneous_bounds(counts, alpha=0.001)
    labels = np.argsort(-counts, axis=1, kind="stable")[:, :2]
    space = {"num_features": 40, "num_kept": 6, "attacker": EDITS}
    stay = stay_radius(lower, upper, labels, k=2, **space)
    assert [-1 if row["stay"] == "abstains" else int(row["stay"]) for row in rows] == list(
        stay.reshape(-1)
    )
    assert topcert("verify", "o").code == 0
    text = Path("o/predictions.csv").read_text()
    Path("o/predictions.csv").write_text(text.replace('"insert,delete,rewrite"', "delete"))
    assert topcert("verify", "o").code == 1


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (("--method", "located", "--moves", "insert"), "located does not cover attackers who ins"),
        (
            ("--method", "levine-feizi", "--k", "1"),
            "who insert or delete or rewrite words; use --me",
        ),
        (
            ("--method", "design", "--design", "partitions"),
            "--design partitions publishes masks of",
        ),
        (("--stop", "radius=2"), "--stop is proven for attackers who rewrite, and of such inputs"),
        (("--moves", "swap"), "moves must be some of insert, delete, rewrite"),
    ],
)
def test_what_does_not_cover_edits_is_refused_before_any_vote(
    words: Path, topcert: Callable[..., Outcome], options: tuple[str, ...], why: str
) -> None:
    run = topcert("certify", *COMMAND[: 6 if "--stop" in options else 8], *options, "--out", "o")
    assert run.code == 2
    assert why in one_line(run.err)
    assert not list(Path().glob("o/ledger/block-*"))


def test_inputs_that_are_only_rewritten_have_no_other_moves() -> None:
    smoothed = SmoothedClassifier(lambda batch: batch[:, :3], noise=Ablation(num_kept=6))
    votes = smoothed.vote(X, num_samples=20, progress=False)
    with pytest.raises(ValueError, match="moves must be some of rewrite, what an attacker may do"):
        votes.certify(moves=["insert"])
    assert votes.certify(moves=["rewrite"]).moves == ("rewrite",)


@pytest.mark.parametrize(
    ("changed", "into", "why"),
    [
        (
            '"insert", "delete")',
            '"insert", "swap")',
            "has changes that are none: moves must be som",
        ),
        ("kept_alone: ClassVar[bool] = True", "", "covers where a classifier sees places; show"),
    ],
)
def test_a_kind_whose_changes_nothing_covers_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str, into: str, why: str
) -> None:
    install(
        monkeypatch,
        tmp_path,
        package="topcert-words",
        entries={MODALITIES: {"words": "words_for_tests:MODALITY"}},
        modules={"words_for_tests": WORDS.replace(changed, into, 1)},
    )
    assert known_modality((40,), "word") is None
    (reason,) = added_modalities()[1]
    assert why in reason
    sys.modules.pop("words_for_tests", None)


def test_points_are_rewritten_unless_edits_are_asked_for() -> None:
    x = np.random.default_rng(0).normal(size=(4, 30, 3))

    def side(batch: np.ndarray) -> np.ndarray:
        return np.stack(
            [(batch[..., axis] + 1 - axis > 0).sum(axis=1) for axis in range(3)], axis=1
        )

    smoothed = SmoothedClassifier(side, noise=Ablation(num_kept=3), unit="point")
    votes = smoothed.vote(x, num_samples=2000, progress=False)
    usual = votes.certify(k=1)
    assert usual.moves == ("rewrite",)
    edits = votes.certify(k=1, moves=["insert", "delete", "rewrite"])
    lower, upper = simultaneous_bounds(votes.counts, alpha=0.001)
    labels = votes.counts.argmax(axis=1)
    expected = edit_radius(lower, upper, labels, k=1, num_features=30, num_kept=3)
    assert edits.radii()[:, 0].tolist() == expected.tolist()
    assert (edits.radii() <= usual.radii()).all()
    assert "inserts, deletes or replaces up to r of its points" in edits.promise()


@pytest.mark.parametrize(
    ("changed", "into", "why"),
    [
        (
            "return np.ascontiguousarray(x)[None]",
            "return np.ascontiguousarray(x + np.arange(len(x)) / 1000)[None]",
            "features that change when one is inserted before them",
        ),
        (
            "encodings: ClassVar[tuple[Encoding, ...]] = (KEEP_ONLY,)",
            "encodings: ClassVar[tuple[Encoding, ...]] = (PLACED,)",
            "the encoder Placed shows where features stood or how many there were",
        ),
    ],
)
def test_what_tells_places_is_refused_before_any_vote(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: str, into: str, why: str
) -> None:
    placed = """

class Placed:
    def __call__(self, planes, kept):
        return np.stack([planes[0][kept], kept.astype(float)], axis=2)

    def on_device(self, device):
        return None


PLACED = Encoding(name="placed", make=lambda asked: Placed())


@final
class Words"""
    source = WORDS.replace("\n@final\nclass Words", placed, 1).replace(changed, into, 1)
    install(
        monkeypatch,
        tmp_path,
        package="topcert-words",
        entries={MODALITIES: {"words": "words_for_tests:MODALITY"}},
        modules={"words_for_tests": source},
    )
    smoothed = SmoothedClassifier(
        lambda batch: batch[:, :3, 0], noise=Ablation(num_kept=6), unit="word"
    )
    with pytest.raises(ValueError, match=why):
        smoothed.vote(X, num_samples=20, progress=False)
    sys.modules.pop("words_for_tests", None)
