"""A setting that certifies nothing says so before a pass is spent; --k blames nobody for a
default.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import topcert as tc
from tests.conftest import Outcome
from topcert.methods.method import Smoothing
from topcert.methods.planning import Setting, best_radii, best_radius_of
from topcert.methods.registered_methods import find_sampled_method
from topcert.noise.ablation import Ablation
from topcert.noise.gaussian import Gaussian
from topcert.theory.stopping_rules import Stopping
from topcert.theory.stopping_test import StoppingTest

TABLE = ["table.npz", "models_for_tests:linear", "--keep", 2]
ABLATION = Smoothing(noise=Ablation(num_kept=8), unit="pixel", num_features=64)


def test_certify_says_at_first_and_at_last_that_nothing_can_be_certified(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert("certify", *TABLE, "--samples", 10, "--k", 1, "--out", "o")
    line = (
        "k = 1: nothing can be certified with n = 10, alpha = 0.001, c = 5, e = 2 and d = 12, not"
        " even radius 0"
    )
    assert run.code == 0
    assert run.err.startswith(line)
    assert run.err.count(line) == 2
    assert topcert("plan", *TABLE[:2], "--keep", 2, "--samples", 10, "--k", 1).out.startswith(line)
    assert line in topcert("predict", *TABLE, "--samples", 10, "--k", 1).err
    again = topcert("evaluate", "o")
    assert again.err.count(line) == 1
    assert "nothing" not in topcert("evaluate", "o", "--alpha", 0.5).err


def test_certify_names_the_largest_radius_before_a_model_is_asked(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    Path("models_for_tests.py").write_text(
        Path("models_for_tests.py").read_text()
        + "\n\ndef printing():\n    import sys\n    def scores(batch):\n        print('asked',"
        " len(batch), file=sys.stderr)\n        return _scores(batch)\n    return scores\n"
    )
    run = topcert(
        "certify",
        TABLE[0],
        "models_for_tests:printing",
        *TABLE[2:],
        "--samples",
        2000,
        "--k",
        "1,3",
        "--out",
        "o",
    )
    assert run.code == 0, run.err
    before = run.err.partition("asked 2000")[0].partition("asked 1000")[0]
    for k in (1, 3):
        largest = Setting(
            num_features=12, num_kept=2, num_classes=5, k=k, num_samples=2000, alpha=0.001
        ).largest_radius()
        assert largest > 0
        assert (
            f"k = {k}: the largest radius that can ever be certified is {largest} column" in before
        )
    assert "nothing can" not in run.err


def test_radius_says_where_counts_can_certify_nothing(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    Path("c.csv").write_text("a,b,c,label\n5,3,2,0\n10,0,0,0\n")
    asked = ["radius", "c.csv", "--keep", 8, "--features", 64, "--k", 1]
    run = topcert(*asked, "--alpha", 0.001)
    assert run.out.splitlines() == ["index,label,class,k,radius", "0,0,a,1,", "1,0,a,1,"]
    assert (
        "k = 1: nothing can be certified with n = 10, alpha = 0.001, c = 3, e = 8 and d = 64"
        in run.err
    )
    assert topcert(*asked, "--alpha", 0.3).err == ""


def test_a_question_that_no_input_can_answer_is_named(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(
        "certify", *TABLE, "--stop", "radius=2", "--max-samples", 5, "--k", 3, "--out", "o"
    )
    assert run.code == 0, run.err
    assert "--stop radius=2 asks for more than any input can have" in run.err


@pytest.mark.parametrize(
    ("noise", "names"), [("ablation", ("ablation", "levine-feizi")), ("gaussian", ("cohen",))]
)
@pytest.mark.parametrize("n", [4, 10, 40, 200])
def test_no_votes_have_a_larger_radius_than_the_best(
    noise: str, names: tuple[str, ...], n: int
) -> None:
    from topcert.methods.certify import certify

    smoothing = (
        ABLATION
        if noise == "ablation"
        else Smoothing(noise=Gaussian(sigma=0.5), unit="pixel", num_features=64)
    )
    generator = np.random.default_rng(n)
    votes = np.concatenate(
        [np.diag([n] * 4), generator.multinomial(n, [0.9, 0.05, 0.03, 0.02], size=50)]
    )
    for name in names:
        method = find_sampled_method(name)
        for k in (1,) if method.only_top_1 else (1, 2):
            best = best_radii(
                method, smoothing=smoothing, num_classes=4, num_samples=n, ks=[k], alpha=0.01
            )
            made = certify(
                method,
                votes,
                smoothing=smoothing,
                labels=votes.argmax(1),
                label_choice="given",
                ks=[k],
                alpha=0.01,
            )
            assert best == {k: made.radius.max()}


@pytest.mark.parametrize("n", [6, 30, 300])
def test_no_located_votes_have_a_larger_radius_than_the_best(n: int) -> None:
    from topcert.methods.located import METHOD
    from topcert.randomization.masks import draw_masks

    masks = draw_masks(seed=3, start=0, stop=n, num_features=64, num_kept=8).astype(np.int64)
    degrees = np.bincount(masks.reshape(-1), minlength=64)

    class AllForOne:
        counts_pairs = True

        def degrees(self) -> np.ndarray:
            return degrees

        def kept_counts(self, labels: np.ndarray) -> list[np.ndarray]:
            return [np.where(labels[0][:, None] == 0, degrees, 0)]

        def pair_degrees(self) -> np.ndarray:
            kept = np.zeros((n, 64), np.int64)
            np.put_along_axis(kept, masks, 1, axis=1)
            return kept.T @ kept

        def kept_pairs(self, inputs: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
            return [np.where(labels[0][:, None, None] == 0, self.pair_degrees(), 0) for _ in inputs]

    votes = np.array([[n, 0, 0, 0]])
    for k in (1, 2):
        asked = {"ks": [k], "alpha": 0.01, "smoothing": ABLATION}
        best = best_radii(METHOD, num_classes=4, num_samples=n, **asked)  # type: ignore[arg-type]
        reached = METHOD.radii(votes, AllForOne(), np.zeros(1, np.int64), **asked)  # type: ignore[arg-type]
        assert best is not None
        assert reached.max() <= best[k]
        assert (best[k] == tc.ABSTAIN) == (reached.max() == tc.ABSTAIN)
        rule = Stopping(question="exact", k=k, alpha=0.01, method="located")
        stopping_test = StoppingTest(rule, num_features=64, num_kept=8, max_votes=n, batch_size=n)
        left = stopping_test.surviving(
            votes,
            np.zeros(1, np.int64),
            AllForOne().kept_counts(np.array([[0, 1, 2][: k + 1]])),
            degrees,
        )
        most = best_radius_of(stopping_test, smoothing=ABLATION, num_classes=4, num_samples=n)
        assert stopping_test.proven(votes, np.zeros(1, np.int64), left)[0] <= most


@pytest.fixture
def two_classes(workplace: Path) -> Path:
    """`two.npz` and `models_for_tests:two`, of two classes."""
    source = Path("models_for_tests.py")
    source.write_text(
        source.read_text() + "\n\ndef two():\n    return lambda batch: _scores(batch)[:, :2]\n"
    )
    np.savez("two.npz", x=np.load("table.npz")["x"], y=np.arange(8) % 2)
    Path("two.csv").write_text("cat,dog,label\n990,10,0\n10,990,1\n")
    return workplace


def test_without_k_two_classes_have_the_only_one_there_is(
    two_classes: Path, topcert: Callable[..., Outcome]
) -> None:
    model = ["two.npz", "models_for_tests:two", "--keep", 2]
    radius = ["radius", "two.csv", "--keep", 2, "--features", 12]
    assert "k = 1" in topcert("certify", *model, "--samples", 200, "--out", "o").out
    assert "k = 1: the largest" in topcert("plan", *model).out
    assert (
        "k = 1: the largest" in topcert("plan", "--features", 12, "--keep", 2, "--classes", 2).out
    )
    shown = topcert("predict", *model, "--samples", 200, "--seed", 1)
    assert shown.err.count("k = 1: the largest radius that can ever be certified is ") == 1
    assert len(shown.out.splitlines()) == 1 + 8
    assert topcert(*radius).out == topcert(*radius, "--k", 1).out != ""
    asked = topcert("certify", *model, "--samples", 200, "--out", "p", "--k", 3)
    assert asked.code == 2
    assert "--k must lie in 1 .. 1, one less than the 2 classes; got 3" in asked.err
    stop = topcert("certify", *model, "--stop", "table", "--out", "q")
    assert stop.code == 2
    assert "without --k a rule of --stop asks about 3; say --k 1" in stop.err
    assert not Path("q").exists()


@pytest.mark.parametrize(
    ("given", "ks"),
    [(["1,3"], [1, 3]), (["1", "3"], [1, 3]), (["3, 1"], [1, 3]), (["1,2", "4"], [1, 2, 4])],
)
def test_several_k_are_given_with_commas_or_one_by_one(
    workplace: Path, topcert: Callable[..., Outcome], given: list[str], ks: list[int]
) -> None:
    Path("c.csv").write_text("a,b,c,d,e,label\n900,50,30,10,10,0\n")
    options = [part for text in given for part in ("--k", text)]
    run = topcert("radius", "c.csv", "--keep", 8, "--features", 64, *options)
    assert [row["k"] for row in csv.DictReader(run.out.splitlines())] == [str(k) for k in ks], (
        run.err
    )


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--k", "1,x"], "'x' is no whole number; give one, or several as 1,3"),
        (["--k", "1,"], "'' is no whole number"),
        (["--k", "1.5"], "'1.5' is no whole number"),
        (["--k", "1", "3"], "give several numbers with commas: --k 1,3"),
        (["--k", "1", "3", "--alpha", "0.1"], "give several numbers with commas: --k 1,3"),
    ],
)
def test_k_that_cannot_be_read_names_the_fix(
    workplace: Path, topcert: Callable[..., Outcome], options: list[str], says: str
) -> None:
    run = topcert("evaluate", "o", *options)
    assert run.code == 2
    assert says in run.err
    assert len(run.err.strip().splitlines()) == 1
