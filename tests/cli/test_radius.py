"""`topcert radius`, `evaluate`, `predict` and `plan`: numbers from counts alone, and what they
refuse.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import topcert as tc
from tests.conftest import Outcome
from topcert.evaluation.counts import write_counts
from topcert.methods.ablation import METHOD
from topcert.methods.certify import most_voted, radii_of
from topcert.methods.method import Smoothing
from topcert.methods.planning import Setting
from topcert.noise.ablation import Ablation
from topcert.voting.ledger import Ledger

OPTIONS = ["--keep", 50, "--features", 1024, "--alpha", 0.001]


def ablation(num_features: int, num_kept: int) -> Smoothing:
    return Smoothing(noise=Ablation(num_kept=num_kept), unit="feature", num_features=num_features)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.fixture
def counts(workplace: Path) -> np.ndarray:
    votes = np.random.default_rng(3).multinomial(5000, [0.7, 0.1, 0.1, 0.06, 0.04], size=6)
    votes[5] = [1000, 1000, 1000, 1000, 1000]
    lines = [
        "a,b,c,d,e,label",
        *(",".join(map(str, [*row, i % 3])) for i, row in enumerate(votes.tolist())),
    ]
    Path("counts.csv").write_text("\n".join(lines) + "\n")
    return np.asarray(votes)


def test_given_radii_are_those_of_the_library(
    counts: np.ndarray, topcert: Callable[..., Outcome]
) -> None:
    run = topcert("radius", "counts.csv", *OPTIONS, "--k", 1, "--k", 4)
    labels = np.arange(6) % 3
    lower, upper = tc.simultaneous_bounds(counts, alpha=0.001, labels=labels)
    radii = tc.certified_radius(lower, upper, labels, k=[1, 4], num_features=1024, num_kept=50)
    assert run.out.splitlines()[0] == "index,label,class,k,radius"
    assert [(row["index"], row["label"], row["k"], row["radius"]) for row in rows_of(run.out)] == [
        (str(i), str(labels[i]), str(k), "" if radii[i, j] == tc.ABSTAIN else str(radii[i, j]))
        for i in range(6)
        for j, k in enumerate([1, 4])
    ]


def test_parquet_gives_the_same_as_csv_and_out_writes_a_file(
    counts: np.ndarray, topcert: Callable[..., Outcome]
) -> None:
    columns = {name: counts[:, j].astype(np.uint32) for j, name in enumerate("abcde")}
    pq.write_table(
        pa.table({**columns, "label": np.arange(6, dtype=np.int8) % 3}), "counts.parquet"
    )
    one = topcert("radius", "counts.csv", *OPTIONS, "--k", 3).out
    other = topcert("radius", "counts.parquet", *OPTIONS, "--k", 3, "--out", "r.csv")
    assert other.out == ""
    assert Path("r.csv").read_text() == one


def test_predicted_labels_are_the_most_voted_ones_in_order(
    counts: np.ndarray, topcert: Callable[..., Outcome]
) -> None:
    run = topcert("radius", "counts.csv", *OPTIONS, "--k", 3, "--label", "predicted")
    labels = most_voted(counts, 3)
    radii, _ = radii_of(METHOD, counts, None, smoothing=ablation(1024, 50), ks=[3], alpha=0.001)
    rows = rows_of(run.out)
    assert [row["label"] for row in rows[15:]] == ["0", "1", "2"]  # a tie: lower index first
    assert [(row["index"], row["label"], row["radius"]) for row in rows] == [
        (str(i), str(labels[i, rank]), "" if radii[i, rank, 0] < 0 else str(radii[i, rank, 0]))
        for i in range(6)
        for rank in range(3)
    ]


def test_predicted_radii_need_only_the_nearest_rivals() -> None:
    generator = np.random.default_rng(0)
    votes = generator.multinomial(2000, generator.dirichlet(np.full(30, 0.2)), size=40)
    labels = most_voted(votes, 5)
    radii, _ = radii_of(METHOD, votes, None, smoothing=ablation(200, 20), ks=[1, 2, 5], alpha=0.01)
    lower, upper = tc.simultaneous_bounds(votes, alpha=0.01)
    for column, k in enumerate([1, 2, 5]):
        for rank in range(k):
            whole = tc.certified_radius(
                lower, upper, labels[:, rank], k=k, num_features=200, num_kept=20
            )
            assert np.array_equal(whole, radii[:, rank, column])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "cannot be read"),
        ("a,b\n", "no rows"),
        ("a,label\n1,0\n", "at least 2"),
        ("a,b\n1,-2\n", "negative"),
        ("a,b\n1,2.5\n", "integers"),
        ("a,b\n1,x\n", "integers"),
        ("a,b\n1,\n2,3\n", "empty"),
        ("a,b\n1,2,3\n", "cannot be read"),
        ("a,a,b\n1,2,3\n", "two columns"),
        ("a,b,c,d,label\n1,2,3,4,4\n", "label 4"),
        ("a,b,c,d,label\n1,2,3,4,-1\n", "label -1"),
        ("a,b,c,d,label\n0,0,0,0,1\n", "no votes"),
        ("a,b,c,d,label\n1,1,nan,0,1\n", "empty"),
    ],
)
def test_bad_counts_are_refused_in_one_line(
    workplace: Path, topcert: Callable[..., Outcome], text: str, says: str
) -> None:
    Path("bad.csv").write_text(text)
    run = topcert("radius", "bad.csv", *OPTIONS, "--k", 1)
    assert run.code == 2
    assert says in run.err
    assert len(run.err.strip().splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--k", 5], "--k"),
        (["--k", 1, "--keep", 2000], "--keep must lie"),
        (["--k", 1, "--alpha", 2], "--alpha"),
        (["--k", 1, "--features", 0], "--features"),
        (["--k", 1, "--samples", 4999], "sum to 5000"),
        (["--k", 1, "--label", "x"], "--label"),
    ],
)
def test_bad_options_are_refused(
    counts: np.ndarray, topcert: Callable[..., Outcome], options: list[object], says: str
) -> None:
    run = topcert("radius", "counts.csv", *OPTIONS, *options)
    assert run.code == 2
    assert says in run.err


@pytest.mark.parametrize(
    ("name", "value"),
    [("stopping", "exact; k=1; alpha=0.01; label=given; rule=x"), ("law", "random")],
)
def test_counts_of_other_votes_are_refused(
    counts: np.ndarray, topcert: Callable[..., Outcome], name: str, value: str
) -> None:
    write_counts(counts, None, Path("marked.csv"), mark=(name, value))
    run = topcert("radius", "marked.csv", "--keep", 50, "--features", 1024)
    assert run.code == 2
    assert f"these counts are of votes with {name} {value!r}" in run.err
    assert len(run.err.strip().splitlines()) == 1


def test_a_missing_file_is_named(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    run = topcert("radius", "absent.csv", *OPTIONS, "--k", 1)
    assert run.code == 2
    assert "absent.csv is not a file" in run.err


def test_evaluate_needs_no_model_and_takes_any_k_and_alpha(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = [
        "certify",
        "table.npz",
        "models_for_tests:linear",
        "--keep",
        2,
        "--samples",
        500,
        "--out",
        "o",
        "--k",
    ]
    assert topcert(*run, 1).code == 0
    Path("models_for_tests.py").unlink()
    Path("table.npz").unlink()
    assert topcert("evaluate", "o", "--out", "same.csv").code == 0
    assert Path("same.csv").read_text() == Path("o/accuracy.csv").read_text()
    assert topcert("evaluate", "o", "--k", 2, "--alpha", 0.05, "--out", "a.csv").code == 0
    labels = Ledger.open(Path("o")).read_inputs()[1]
    assert labels is not None
    lower, upper = tc.simultaneous_bounds(
        Ledger.open(Path("o")).counts(), alpha=0.05, labels=labels
    )
    radii = tc.certified_radius(lower, upper, labels, k=2, num_features=12, num_kept=2)
    for row in rows_of(Path("a.csv").read_text()):
        assert int(row["certified"]) == (radii >= int(row["radius"])).sum()
        assert row["total"] == "8"
    assert topcert("evaluate", "o", "--k", 9).code == 2
    assert topcert("evaluate", "o", "--alpha", 0).code == 2


@pytest.mark.parametrize(
    ("d", "e", "k"), [(1024, 50, 1), (1024, 50, 3), (64, 20, 3), (50176, 1000, 5)]
)
@pytest.mark.parametrize("rest", ["even", "one"])
def test_plan_names_the_fewest_votes_and_the_largest_radius(
    d: int, e: int, k: int, rest: str
) -> None:
    setting = Setting(
        num_features=d, num_kept=e, num_classes=10, k=k, num_samples=1000, alpha=0.001
    )
    largest = setting.largest_radius()
    every = np.arange(1001)
    reach = setting.radius(every, rest)  # type: ignore[arg-type]
    assert reach.max() == largest == reach[-1]
    needed = setting.votes_needed(np.arange(largest + 1), rest)  # type: ignore[arg-type]
    assert needed.tolist() == [int((reach >= r).argmax()) for r in range(largest + 1)]


def test_plan_agrees_with_certificates_of_such_counts() -> None:
    setting = Setting(
        num_features=1024, num_kept=50, num_classes=4, k=2, num_samples=100, alpha=0.01
    )
    votes = np.array([[90, 4, 3, 3], [90, 10, 0, 0]])
    lower, upper = tc.simultaneous_bounds(votes, alpha=0.01, labels=[0, 0])
    radii = tc.certified_radius(lower, upper, [0, 0], k=2, num_features=1024, num_kept=50)
    assert radii.tolist() == [setting.radius(np.array([90]), rest)[0] for rest in ("even", "one")]  # type: ignore[arg-type]


def test_plan_times_a_model_and_refuses_nonsense(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert("plan", "table.npz", "models_for_tests:linear", "--keep", 2, "--k", 1)
    assert run.code == 0, run.err
    assert "8 inputs x 10,000 masks = 80,000 passes" in run.out
    assert topcert("plan", "--features", 64, "--keep", 20).code == 2
    assert topcert("plan", "--features", 64, "--keep", 65, "--classes", 10).code == 2
    assert topcert("plan", "--features", 64, "--keep", 20, "--classes", 10, "--alpha", 0).code == 2
    few = topcert("plan", "--features", 64, "--keep", 20, "--classes", 10, "--samples", 5, "--k", 1)
    assert "not even radius 0" in few.out


def test_help_reads_well_and_every_command_has_one(topcert: Callable[..., Outcome]) -> None:
    whole = topcert("--help")
    assert whole.code == 0
    for command in ("demo", "certify", "predict", "evaluate", "radius", "verify", "plan", "train"):
        assert command in whole.out
        assert topcert(command, "--help").code == 0
    assert topcert("--version").out.startswith("topcert ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("90,5,3\n80,10,8\n", "name the classes"),
        ("2,1,0,label\n90,5,3,2\n", "name the classes"),
        ("index,a,b\n7,90,5\n", "index"),
        ("a,b,Label\n90,5,1\n", "Label"),
        ("a,b, label\n90,5,1\n", "label"),
        ("a,b,c,d,e\n" + ",".join([str(2**62)] * 5) + "\n", "100,000,000"),
        ("a,b,c,d,e\n" + ",".join([str(2**63)] * 5) + "\n", "integers"),
        ("a,b,c\n90000000,90000000,1\n", "100,000,000"),
    ],
)
def test_tables_that_can_only_be_a_mistake_are_refused(
    workplace: Path, topcert: Callable[..., Outcome], text: str, says: str
) -> None:
    Path("odd.csv").write_text(text)
    run = topcert("radius", "odd.csv", *OPTIONS, "--k", 1)
    assert run.code == 2
    assert says in run.err


def test_usage_errors_are_one_line_too(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    for arguments in (["radius"], ["nonsense"], ["plan", "--keep", "x"], ["certify", "digits"]):
        run = topcert(*arguments)
        assert run.code == 2
        assert len(run.err.strip().splitlines()) == 1
        assert "--help" in run.err


def test_too_many_features_are_refused_at_once(
    counts: np.ndarray, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(
        "radius", "counts.csv", "--features", 3 * 10**9, "--keep", 2, "--k", 1, "--alpha", 0.01
    )
    assert run.code == 2
    assert "--features must lie in" in run.err
