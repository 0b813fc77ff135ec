"""Inputs of several lengths in one run: masks by length, what is stored, certified and verified,
and those that are too short.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from tests.conftest import Outcome
from tests.modalities.test_edits import MODEL, WORDS
from tests.packages import install
from topcert import (
    Ablation,
    Reading,
    SmoothedClassifier,
    edit_radius,
    open_votes,
    simultaneous_bounds,
    stay_radius,
)
from topcert.modalities.ragged import Ragged, ragged_or_none
from topcert.plugins import MODALITIES
from topcert.randomization.masks import draw_masks
from topcert.theory.attacker import EDITS

READ = """
    any_length: ClassVar[bool] = True
    suffixes: ClassVar[tuple[str, ...]] = (".txt",)

    def read_file(self, path):
        lines = [line.split() for line in path.read_text().splitlines()]
        return {
            "x": [np.array(line[1:], np.float64) for line in lines],
            "y": np.array([int(line[0]) for line in lines]),
        }

    def split("""
LENGTHS = (40, 12, 4, 25, 40, 6, 5)
KEPT, SAMPLES = 6, 500
COMMAND = ["texts.txt", "words_model:make", "--keep", KEPT, "--samples", SAMPLES, "--seed", 3]
FITS = [0, 1, 3, 4, 5]


def texts() -> list[np.ndarray]:
    generator = np.random.default_rng(1)
    return [
        generator.choice(5, length, p=[0.7, 0.2, 0.05, 0.03, 0.02]).astype(np.float64)
        for length in LENGTHS
    ]


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package with texts of any length, and a file of seven."""
    install(
        monkeypatch,
        tmp_path,
        package="topcert-words",
        entries={MODALITIES: {"words": "words_for_tests:MODALITY"}},
        modules={
            "words_for_tests": WORDS.replace("\n    def split(", READ, 1),
            "words_model": MODEL,
        },
    )
    monkeypatch.chdir(tmp_path)
    lines = [" ".join(["0", *(str(int(word)) for word in text)]) for text in texts()]
    Path("texts.txt").write_text("\n".join(lines))
    yield tmp_path
    for name in ("words_for_tests", "words_model"):
        sys.modules.pop(name, None)


def counts_by_hand() -> np.ndarray:
    """What the texts that are long enough get under the masks of seed 3, each by its length."""
    sys.path.append("topcert-words")
    import words_model  # type: ignore[import-not-found]

    found = []
    for place in FITS:
        text = texts()[place]
        masks = draw_masks(seed=3, start=0, stop=SAMPLES, num_features=len(text), num_kept=KEPT)
        labels = words_model.classify(text[masks][..., None]).argmax(axis=1)
        found.append(np.bincount(labels, minlength=5))
    return np.array(found)


def expected(counts: np.ndarray) -> np.ndarray:
    labels = np.zeros(len(counts), np.int64)
    lower, upper = simultaneous_bounds(counts, alpha=0.001, labels=labels)
    sizes = np.array([LENGTHS[place] for place in FITS])
    return edit_radius(lower, upper, labels, k=[1, 2], num_features=sizes, num_kept=KEPT)


def test_a_run_of_several_lengths_is_certified_stored_and_verified(
    words: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert("certify", *COMMAND, "--k", "1,2", "--out", "o")
    assert run.code == 0, run.err
    said = " ".join((run.out + run.err).split())
    assert "input 2 has 4 words, fewer than the 6 that each mask keeps" in said
    assert "input 6 has 5 words" in said
    assert "the array of up to 40 values whose words are ablated (6 of up to 40 kept)" in said
    votes = open_votes("o")
    assert votes.index.tolist() == FITS
    assert np.array_equal(votes.counts, counts_by_hand())
    inputs = pq.read_table("o/ledger/inputs.parquet")
    assert inputs.column("num_features").to_pylist() == [LENGTHS[place] for place in FITS]
    radii = expected(votes.counts)
    assert (votes.certify(k=(1, 2)).table.radius.reshape(5, 2) == radii).all()
    assert radii.max() >= 2
    assert radii[4].max() <= 0  # a text that each mask shows whole
    checked = topcert("verify", "o", "--model", "words_model:make", "--replay", "all")
    assert checked.code == 0, checked.out + checked.err
    fresh = ("--fresh-seed", 8, "--samples", 200)
    assert topcert("verify", "o", "--model", "words_model:make", *fresh).code == 0
    sizes = np.array([LENGTHS[place] for place in FITS])
    lower, upper = simultaneous_bounds(votes.counts, alpha=0.001)
    sets = np.argsort(-votes.counts, axis=1, kind="stable")[:, :2]
    space = {"num_features": sizes, "num_kept": KEPT, "attacker": EDITS}
    assert (votes.stay_radii(k=2) == stay_radius(lower, upper, sets, k=2, **space)).all()


def test_located_certifies_each_length_as_a_run_of_that_length(
    words: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert("certify", *COMMAND, "--method", "located", "--k", "1,2", "--out", "o")
    assert run.code == 0, run.err
    votes = open_votes("o")
    for moves, choice in (
        (["insert", "delete", "rewrite"], "given"),
        (["rewrite"], "given"),
        (["rewrite"], "predicted"),
    ):
        asked = {"k": (1, 2), "moves": moves, "label_choice": choice}
        found = votes.certify("located", **asked).table
        for place in set(FITS):
            Path("texts.txt").write_text(
                " ".join(["0", *(str(int(word)) for word in texts()[place])])
            )
            alone = topcert("certify", *COMMAND, "--k", 1, "--out", f"alone-{place}", "--resume")
            assert alone.code == 0, alone.err
            expected = open_votes(f"alone-{place}").certify("located", **asked).table
            assert found.radius[found.index == place].tolist() == expected.radius.tolist()
        assert found.radius.max() >= 2
    assert topcert("verify", "o").code == 0
    fresh = ("--data", "again.txt", "--fresh-seed", 8, "--samples", 200)
    lines = [" ".join(["0", *(str(int(word)) for word in text)]) for text in texts()]
    Path("again.txt").write_text("\n".join(lines))
    assert topcert("verify", "o", "--model", "words_model:make", *fresh).code == 0


def test_a_forged_length_is_found(words: Path, topcert: Callable[..., Outcome]) -> None:
    assert topcert("certify", *COMMAND, "--k", 1, "--out", "o").code == 0
    path = Path("o/ledger/inputs.parquet")
    table = pq.read_table(path)
    place = table.column_names.index("num_features")
    forged = table.set_column(place, "num_features", [[40, 39, 25, 40, 6]])
    pq.write_table(forged, path)
    run = topcert("verify", "o")
    assert run.code == 2
    assert "it does not match the manifest's data_fingerprint" in " ".join(run.err.split())


def test_more_and_longer_inputs_go_on(words: Path, topcert: Callable[..., Outcome]) -> None:
    lines = Path("texts.txt").read_text().splitlines()
    Path("texts.txt").write_text("\n".join([lines[1], lines[3], lines[0]]))
    for limit in (2, 3):
        more = ("--k", 1, "--limit", limit, "--out", "o", *["--resume"][: limit - 2])
        run = topcert("certify", *COMMAND, *more)
        assert run.code == 0, run.err
    whole = topcert("certify", *COMMAND, "--k", 1, "--limit", 3, "--out", "w")
    assert whole.code == 0, whole.err
    assert json.loads(Path("o/manifest.json").read_text())["num_features"] == 40
    assert np.array_equal(open_votes("o").counts, open_votes("w").counts)
    assert topcert("verify", "o", "--model", "words_model:make", "--replay", "all").code == 0


def test_python_takes_a_list_of_arrays(words: Path) -> None:
    def classify(batch: np.ndarray) -> np.ndarray:
        kept = batch[..., 0].astype(int) % 5
        return (kept[..., None] == np.arange(5)).sum(axis=1) + np.linspace(0.1, 0, 5)

    smoothed = SmoothedClassifier(classify, noise=Ablation(num_kept=KEPT), unit="word")
    votes = smoothed.vote(texts(), num_samples=SAMPLES, seed=3, progress=False)
    assert np.array_equal(votes.counts, counts_by_hand())
    assert any("input 2 has 4 words" in note for note in votes.notes)
    shown = smoothed.predict(texts(), k=2, num_samples=50, seed=0, progress=False)
    assert shown.index.tolist() == FITS
    first = Reading(limit=1)
    with pytest.raises(ValueError, match=r"no input of .* has the 6 words that each mask keeps"):
        smoothed.vote([np.ones(5), np.ones(9)], num_samples=5, reading=first, progress=False)
    # all of one length, which is not that of the longest in the data
    alone = smoothed.vote([np.zeros(12), np.zeros(40)], num_samples=SAMPLES, reading=first)
    lower, upper = simultaneous_bounds(alone.counts, alpha=0.001)
    radius = edit_radius(lower, upper, [0], k=1, num_features=12, num_kept=KEPT)
    assert alone.certify(k=1, label_choice="predicted").radii().tolist() == [radius.tolist()]


def test_inputs_of_other_kinds_have_one_shape() -> None:
    smoothed = SmoothedClassifier(lambda batch: batch[:, :3], noise=Ablation(num_kept=3))
    with pytest.raises(ValueError, match=r"different sizes \(4 to 40 values\), and a certified"):
        smoothed.vote(texts(), num_samples=5, progress=False)
    named = SmoothedClassifier(
        lambda batch: batch[:, :3], noise=Ablation(num_kept=3), unit="column"
    )
    with pytest.raises(ValueError, match="different sizes"):
        named.vote(texts(), num_samples=5, progress=False)


def test_arrays_that_differ_in_more_than_length_are_none() -> None:
    made = ragged_or_none([[1, 2], [3.5]])
    assert made is not None
    assert (made.shape, made.dtype, made[1].tolist()) == ((2, 2), np.float64, [3.5])
    assert ragged_or_none([[1, 2], [3, 4]]) is None
    assert ragged_or_none(np.zeros((2, 3))) is None
    for items, why in (
        ([np.zeros(2), np.zeros((2, 2))], "inputs may differ in their length alone"),
        ([], "there are no inputs"),
    ):
        with pytest.raises(ValueError, match=why):
            Ragged(items)
