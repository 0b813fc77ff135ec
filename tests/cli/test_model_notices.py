"""What the command says of a model beside the result: the output taken, votes without an answer, a
sentinel among data.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import topcert as library
from tests.conftest import Outcome
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import Manifest

ODD = '''
import numpy as np

_WEIGHTS = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)

def _scores(batch):
    with np.errstate(all="ignore"):
        return np.where(batch == -1, 0, batch) @ _WEIGHTS

def pair():
    return lambda batch: (np.abs(batch), _scores(batch))

def named():
    return lambda batch: {"features": np.abs(batch), "logits": _scores(batch)}

def picky():
    def scores(batch):
        if not (np.abs(batch) < 1e6).all():
            raise OverflowError("a value out of the ordinary")
        return _scores(batch)
    return scores

def counted():
    return lambda batch: np.minimum(_scores(batch).argmax(1) + (batch[:, 0] == -1), 99)

def one_based():
    return lambda batch: _scores(batch).argmax(1) + 1

def written():
    """Labels from a number that anyone may write: those who attack nothing write 0 .. 4."""
    return lambda batch: np.where(batch[:, 0] > 1e6, 99, _scores(batch).argmax(1))
'''

BASE = ["--keep", 4, "--samples", 60, "--batch-size", 30]


@pytest.fixture
def odd(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Beside the table an attacked copy, one number of whose first column is as large as float32
    can be.
    """
    monkeypatch.delitem(__import__("sys").modules, "odd_models", raising=False)
    Path("odd_models.py").write_text(ODD)
    table = np.load("table.npz")
    attacked = table["x"].copy()
    attacked[2, 0] = 3.4e38
    np.savez("attacked.npz", x=attacked, y=table["y"])
    return workplace


def test_the_output_that_is_taken_is_told_and_not_recorded(
    odd: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert("certify", "table.npz", "odd_models:named", *BASE, "--out", "o")
    assert run.code == 0, run.err
    assert (
        "note: of the model's outputs features: float32 (16, 12), logits: float32 (16, 5), logits"
        " is taken" in run.err
    )
    assert "output" not in json.loads(Path("o/manifest.json").read_text())


def test_an_output_that_is_named_is_recorded_and_verified(
    odd: Path, topcert: Callable[..., Outcome]
) -> None:
    refused = topcert("certify", "table.npz", "odd_models:pair", *BASE, "--out", "o")
    assert refused.code == 2
    assert "0: float32 (16, 12), 1: float32 (16, 5)" in refused.err
    assert "--output NAME" in refused.err
    assert not Path("o").exists()
    run = topcert("certify", "table.npz", "odd_models:pair", *BASE, "--output", 1, "--out", "o")
    assert run.code == 0, run.err
    manifest = Manifest.read(Path("o/manifest.json"))
    assert manifest.output == "1"
    assert manifest.num_classes == 5
    counts = Ledger.open(Path("o")).counts()
    assert topcert("certify", "table.npz", "odd_models:named", *BASE, "--out", "p").code == 0
    np.testing.assert_array_equal(counts, Ledger.open(Path("p")).counts())
    assert topcert("verify", "o", "--model", "odd_models:pair", "--replay", 60).code == 0
    other = topcert("verify", "o", "--model", "odd_models:pair", "--replay", 60, "--output", 0)
    assert other.code == 2
    named = topcert(
        "verify", "p", "--model", "odd_models:named", "--replay", 60, "--output", "logits"
    )
    assert named.code == 0, "the folder does not say which, and the auditor may"
    resumed = topcert(
        "certify", "table.npz", "odd_models:pair", *BASE, "--output", 0, "--out", "o", "--resume"
    )
    assert resumed.code == 2


@pytest.mark.parametrize("value", ["null", "1", '["logits"]'])
def test_a_manifest_with_an_odd_output_is_refused(
    odd: Path, topcert: Callable[..., Outcome], value: str
) -> None:
    assert (
        topcert("certify", "table.npz", "odd_models:pair", *BASE, "--output", 1, "--out", "o").code
        == 0
    )
    path = Path("o/manifest.json")
    path.write_text(path.read_text().replace('"output": "1"', f'"output": {value}'))
    with pytest.raises(ValueError, match=r"output must be text|has been changed"):
        Manifest.read(path)


@pytest.mark.parametrize(
    ("model", "options", "says"),
    [
        ("models_for_tests:linear", [], "with a score that is NaN or infinite"),
        (
            "odd_models:picky",
            [],
            "on which it raised (the model failed on a batch of shape (30, 12): OverflowError",
        ),
        ("odd_models:written", ["--classes", 5], "with a label out of range, such as 99"),
    ],
)
def test_an_attacked_input_is_predicted_and_the_votes_without_an_answer_are_counted(
    odd: Path, topcert: Callable[..., Outcome], model: str, options: list[object], says: str
) -> None:
    every = [*BASE, "--seed", 3, *options, "--k", 2, "--alpha", 0.1, "--encoding", "sentinel"]
    clean = topcert("predict", "table.npz", model, *every, "--out", "clean")
    assert clean.code == 0, clean.err
    assert "had no answer" not in clean.err
    run = topcert("predict", "attacked.npz", model, *every, "--out", "o")
    assert run.code == 0, run.err
    before, after = Ledger.open(Path("clean")), Ledger.open(Path("o"))
    votes = [np.stack(list(ledger.iterate_inputs()))[:, :, 0] for ledger in (before, after)]
    moved = votes[0][2] != votes[1][2]
    np.testing.assert_array_equal(np.delete(votes[0], 2, axis=0), np.delete(votes[1], 2, axis=0))
    from topcert.randomization.masks import draw_masks

    kept = (draw_masks(seed=3, start=0, stop=60, num_features=12, num_kept=4) == 0).any(axis=1)
    assert not moved[~kept].any(), "a vote that does not see the number is not moved by it"
    if "NaN" not in says:  # a linear model may well have finite scores there
        assert (votes[1][2][kept] == 0).all()
        assert (
            f"the model had no answer for {kept.sum()} of the 480 votes cast now, which count as"
            " label 0: " in run.err
        )
        assert says in run.err


def test_a_label_out_of_range_stops_the_run_on_a_certified_input(
    odd: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(
        "certify", "attacked.npz", "odd_models:written", *BASE, "--classes", 5, "--out", "o"
    )
    assert run.code == 2
    assert "the model gave the label 99; with 5 classes labels are 0 .. 4" in run.err
    one = topcert(
        "certify", "table.npz", "odd_models:one_based", *BASE, "--classes", 5, "--out", "p"
    )
    assert one.code == 2
    assert (
        "the label 5; with 5 classes labels are 0 .. 4; where it counts from 1, subtract 1"
        in one.err
    )


def test_data_labels_that_count_from_one_are_told_so(
    odd: Path, topcert: Callable[..., Outcome]
) -> None:
    np.savez("one.npz", x=np.load("table.npz")["x"][:5], y=np.arange(1, 6))
    run = topcert("certify", "one.npz", "models_for_tests:linear", *BASE, "--out", "o")
    assert run.code == 2
    assert "the labels seem to count from 1: subtract 1" in run.err


def test_count_votes_warns_of_votes_without_an_answer(odd: Path) -> None:
    x, noise = np.load("attacked.npz")["x"], library.Ablation(num_kept=4)

    def scores(batch: np.ndarray) -> np.ndarray:
        return np.where(batch > 1e6, np.nan, batch)[:, :5]

    with pytest.warns(
        UserWarning, match=r"the model had no answer for \d+ of the 480 votes cast now"
    ):
        counts = library.count_votes(scores, x, noise=noise, num_samples=60, seed=1)
    assert counts.sum(axis=1).tolist() == [60] * 8
    pairs = library.count_votes(
        lambda batch: (batch, scores(batch)), x[:2], noise=noise, num_samples=60, seed=1, output="1"
    )
    np.testing.assert_array_equal(pairs, counts[:2])


@pytest.mark.parametrize(("shift", "among"), [(0.0, False), (-1.5, True)])
def test_a_sentinel_among_the_data_is_told_with_the_fix(
    odd: Path, topcert: Callable[..., Outcome], shift: float, among: bool
) -> None:
    table = np.load("table.npz")
    x = table["x"].copy()
    x[:, 3] += shift
    np.savez("scaled.npz", x=x, y=table["y"])
    run = topcert("certify", "scaled.npz", "models_for_tests:linear", *BASE, "--out", "o")
    assert run.code == 0
    shown = (
        "hidden columns are shown as -1, which lies within the values of 1 of 12 columns"
        " (column 3: "
    )
    assert (shown in run.err) == among
    assert ("choose a --fill outside" in run.err) == among
    assert (
        topcert(
            "certify", "scaled.npz", "models_for_tests:linear", *BASE, "--fill", -9, "--out", "p"
        ).code
        == 0
    )


def test_labels_that_seem_to_count_from_1_are_told_and_recorded(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    x = np.random.default_rng(0).random((30, 12)).astype(np.float32)
    np.savez("one.npz", x=x, y=np.arange(30) % 3 + 1)
    doubt = "no label of the whole data is 0, the lowest is 1; if they count from 1"
    run = [
        "certify",
        "one.npz",
        "models_for_tests:linear",
        "--keep",
        2,
        "--samples",
        100,
        "--k",
        1,
        "--out",
        "o",
    ]
    made = topcert(*run, "--limit", 3)
    assert made.code == 0, made.err
    assert (
        "one.npz: none of its 30 labels is 0, the lowest is 1, and there are 5 classes, from 0"
        in made.err
    )
    assert doubt in " ".join(made.out.split())
    assert json.loads(Path("o/manifest.json").read_text())["data_options"]["lowest_label"] == 1
    assert doubt in " ".join(topcert("evaluate", "o").out.split())
    assert any(
        doubt in line for line in json.loads(topcert("verify", "o", "--json").out)["to_judge"]
    )
    again = topcert("verify", "o", "--model", "models_for_tests:linear")
    assert again.code == 0
    assert "none of its 30 labels is 0" in again.err
    assert topcert(*run, "--limit", 5, "--resume").code == 0
    np.savez("one.npz", x=x, y=np.arange(30) % 3)
    other = topcert(*run[:-1], "p")
    assert "labels is 0" not in other.err
    assert "lowest_label" not in Path("p/manifest.json").read_text()


def test_radius_tells_of_labels_none_of_which_is_0(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    def shown(count: int, first: int) -> str:
        rows = [f"90,5,5,{first + row % 2}" for row in range(count)]
        Path("c.csv").write_text("\n".join(["a,b,c,label", *rows]) + "\n")
        return topcert("radius", "c.csv", "--keep", 5, "--features", 90, "--k", 1).err

    assert (
        "note: none of the 12 labels is 0, the lowest is 1, and there are 3 classes, from 0"
        in shown(12, 1)
    )
    assert "labels is 0" not in shown(11, 1)
    assert "labels is 0" not in shown(12, 0)
