"""`certify`, `evaluate` and `verify` with fixed designs: what holds is verified, what does not is
refused.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_methods_cli import LABELS, VALUES, lay_out
from tests.cli.test_verify import forge, rewrite_certificates, rewrite_manifest
from tests.conftest import Outcome
from topcert.methods.certificate_table import CertificateTable
from topcert.methods.certify import certify
from topcert.methods.method import Smoothing
from topcert.methods.registered_methods import find_sampled_method
from topcert.noise.ablation import Ablation
from topcert.randomization.designs import ALGORITHMS, Design
from topcert.theory.design_radius import partition_radius
from topcert.theory.partition import ballots_radius
from topcert.voting.ledger import Ledger

MODEL = "brightness_for_tests:model"
# 100 pixels, 7 kept: rounds of 15 blocks of 6 or 7 pixels; 100 masks are six rounds and two thirds.
SHARED = ["certify", "images.npz", MODEL, "--keep", 7, "--seed", 3, "--batch-size", 16]
RUN = [
    *SHARED,
    "--k",
    1,
    "--k",
    2,
    "--method",
    "design",
    "--design",
    "stratified",
    "--samples",
    100,
]


@pytest.fixture(autouse=True)
def pictures(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(workplace)
    spoilt = VALUES.copy()
    spoilt[:, :4, :6] = 255 - spoilt[:, :4, :6] // 2  # a mask that keeps several of these errs
    np.savez(workplace / "images.npz", x=spoilt, y=LABELS)
    monkeypatch.delitem(sys.modules, "brightness_for_tests", raising=False)
    monkeypatch.setattr("topcert.report.keep_results.draw_results", lambda *_, **__: None)


def certificates() -> CertificateTable:
    return CertificateTable.read(Path("o/certificates.parquet"))[0]


@pytest.mark.parametrize("name", ["partitions", "stratified", "random"])
def test_a_design_is_certified_resumed_and_verified(
    topcert: Callable[..., Outcome], name: str
) -> None:
    run = [*RUN, "--design", name, "--out", "o"]
    shown = topcert(*run)
    assert shown.code == 0, shown.err
    message = " ".join(shown.out.split())
    assert "vote over all 100 published masks" in message
    assert "no failure probability" in message
    assert "alpha" not in message
    manifest = Ledger.open(Path("o")).manifest
    assert (manifest.law, manifest.algorithm) == (name, ALGORITHMS[name])
    made = certificates()
    assert (made.method, made.alpha, made.label_choice) == ("design", 0.0, "given")
    assert made.radius.max() > 2
    ledger = Ledger.open(Path("o"))
    block = ledger.block_path(ledger.num_blocks - 1)
    before = block.read_bytes()
    block.unlink()
    assert topcert("verify", "o").code == 2
    assert topcert(*run, "--resume").code == 0
    assert block.read_bytes() == before
    assert certificates().radius.tolist() == made.radius.tolist()
    for more in ([], ["--model", MODEL, "--replay", 20]):
        checked = topcert("verify", "o", *more)
        assert checked.code == 0, checked.out + checked.err
        assert "no failure probability" in " ".join(checked.out.split())
    assert topcert("evaluate", "o", "--out", "same.csv").code == 0
    assert Path("same.csv").read_text() == Path("o/accuracy.csv").read_text()


def test_predicted_labels_cost_nothing(topcert: Callable[..., Outcome]) -> None:
    assert topcert(*RUN, "--out", "o").code == 0
    given = certificates()
    assert topcert(*RUN, "--label", "predicted", "--out", "o", "--resume").code == 0
    shown = certificates()
    assert (shown.radius[shown.k == 1] >= 0).all()
    assert (shown.radius[shown.k == 2] >= 0).all()
    for index, label, k, radius in zip(
        given.index, given.label, given.k, given.radius, strict=True
    ):
        same = (shown.index == index) & (shown.label == label) & (shown.k == k)
        assert shown.radius[same].tolist() == ([radius] if radius >= 0 else [])
    assert topcert("verify", "o").code == 0


def test_fpa_is_one_round(topcert: Callable[..., Outcome]) -> None:
    run = [*SHARED, "--k", 1, "--k", 2, "--method", "fpa", "--design", "partitions"]
    early = topcert(*run, "--samples", 100, "--out", "o")
    assert early.code == 2
    assert "use --samples 15" in early.err
    assert not Path("o").exists()
    assert topcert(*run, "--samples", 15, "--out", "o").code == 0
    made, counts = certificates(), Ledger.open(Path("o")).counts()
    wanted = [
        partition_radius(counts[row], int(label), k=k, num_features=100)
        for row, label in enumerate(LABELS)
        for k in (1, 2)
    ]
    assert made.radius.tolist() == wanted
    assert topcert("verify", "o", "--model", MODEL, "--replay", 5).code == 0
    assert topcert("evaluate", "o", "--method", "design", "--k", 1).code == 0
    assert topcert(*RUN, "--out", "p").code == 0
    assert "got 100 votes" in topcert("evaluate", "p", "--method", "fpa").err


@pytest.mark.parametrize("method", ["fpa", "design"])
def test_ballots_over_one_partition_have_the_exact_radius(
    topcert: Callable[..., Outcome], method: str
) -> None:
    run = [*SHARED, "--k", "1,2", "--method", method, "--design", "partitions", "--samples", 15]
    shown = topcert(*run, "--ballot", 2, "--out", "o")
    assert shown.code == 0, shown.err
    assert "w = 2: each ablated input names its 2 best labels" in " ".join(shown.out.split())
    made, ledger = certificates(), Ledger.open(Path("o"))
    classes = ledger.counts().shape[1]
    wanted = [
        ballots_radius(votes.astype(np.int64), label, classes=classes, k=k, num_features=100)
        for votes, label in zip(ledger.iterate_inputs(), LABELS.tolist(), strict=True)
        for k in (1, 2)
    ]
    assert made.radius.tolist() == wanted
    assert max(wanted) > 2
    assert (made.num_named, made.alpha) == (2, 0.0)
    assert topcert("verify", "o", "--model", MODEL, "--replay", "all").code == 0
    assert topcert("evaluate", "o", "--method", "fpa", "--ballot", 1).code == 0

    def lift(rows: list[dict[str, object]]) -> None:
        rows[1]["radius"] = wanted[1] + 1

    rewrite_certificates(Path("o"), lift)
    assert topcert("verify", "o").code == 1


# What does not hold.


def test_a_larger_radius_or_an_alpha_is_found(topcert: Callable[..., Outcome]) -> None:
    assert topcert(*RUN, "--out", "o").code == 0

    def lift(rows: list[dict[str, object]]) -> None:
        row = next(row for row in rows if row["radius"] is not None)
        row["radius"] = int(str(row["radius"])) + 1

    rewrite_certificates(Path("o"), lift)
    assert topcert("verify", "o").code == 1
    assert topcert(*RUN, "--out", "o", "--resume").code == 0
    rewrite_certificates(Path("o"), lambda rows: [row.update(alpha=0.001) for row in rows])
    assert topcert("verify", "o").code in (1, 2)


def test_another_design_is_caught_by_replay(topcert: Callable[..., Outcome]) -> None:
    assert topcert(*RUN, "--out", "o").code == 0
    forge(Path("o"), law="partitions", algorithm=ALGORITHMS["partitions"])
    assert topcert("verify", "o", "--model", MODEL, "--replay", 50).code in (1, 2)
    forge(Path("o"), law="stratified", algorithm=ALGORITHMS["stratified"], seed=4)
    assert topcert("verify", "o", "--model", MODEL, "--replay", 50).code in (1, 2)


@pytest.mark.parametrize(
    "changes",
    [
        {"law": "chequered"},
        {"law": "iid"},
        {"law": "partitions"},
        {"algorithm": ALGORITHMS["partitions"]},
        {"num_selection": 10},
        {"noise": "gaussian", "sigma": 1.0, "num_kept": None, "encoding": None},
    ],
)
def test_a_manifest_that_makes_no_sense_is_refused(
    topcert: Callable[..., Outcome], changes: dict[str, object]
) -> None:
    assert topcert(*RUN, "--out", "o").code == 0
    rewrite_manifest(Path("o"), **changes)
    shown = topcert("verify", "o")
    assert shown.code == 2
    assert shown.err.count("error:") == 1


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ([*RUN, "--alpha", 0.1], "--alpha is for sampled votes"),
        ([*RUN, "--selection", 10], "draws masks beside the design stratified; leave it out"),
        ([*RUN, "--label", "selected"], "draws masks beside the design stratified; leave it out"),
        ([*RUN, "--bounds", "simuem"], "leave --bounds out"),
        (
            [*RUN, "--method", "ablation"],
            "--design is for the methods design, fpa, run-off, not for ablation",
        ),
        ([*RUN, "--design", "iid"], "unknown design 'iid'; choose one of: partitions, stratified,"),
        (
            [*SHARED, "--method", "design"],
            "needs --design partitions or stratified or lattice or random, got none",
        ),
        (
            [*RUN, "--method", "fpa", "--design", "random"],
            "the method fpa needs --design partitions or stratified or lattice, got",
        ),
        (
            [*RUN, "--unit", "feature"],
            "the design stratified spreads the pixels of images, and these 300 features are none",
        ),
        ([*RUN, "--keep", 101], "--keep must lie in 1 .. 100"),
        ([*RUN, "--method", "chiang"], "--keep is for methods on votes"),
    ],
)
def test_what_a_design_is_not_for_is_refused(
    topcert: Callable[..., Outcome], options: list[object], says: str
) -> None:
    shown = topcert(*options, "--out", "o")
    assert shown.code == 2
    assert says in shown.err
    assert not Path("o").exists()


def test_ledgers_of_another_law_are_refused(topcert: Callable[..., Outcome]) -> None:
    assert topcert(*RUN, "--out", "o").code == 0
    for method in ("ablation", "located", "levine-feizi", "levine-feizi-simuem"):
        shown = topcert("evaluate", "o", "--method", method, "--k", 1, "--alpha", 0.1)
        assert shown.code == 2
        assert "needs the law iid" in shown.err
    for method in ("jia-2020", "cohen", "lee"):
        assert topcert("evaluate", "o", "--method", method).code == 2
    assert "leaves nothing to chance" in topcert("evaluate", "o", "--alpha", 0.1).err
    fresh = topcert("verify", "o", "--model", MODEL, "--fresh-seed", 9, "--samples", 10)
    assert fresh.code == 2
    assert "other masks are another one" in " ".join(fresh.err.split())
    counts = topcert("radius", "o/counts.csv", "--method", "design", "--keep", 7, "--features", 100)
    assert counts.code == 2
    again = topcert(*SHARED, "--samples", 100, "--out", "o", "--resume")
    assert "was started with law = 'stratified', this run has 'iid'" in again.err
    shown = topcert(
        "predict", "images.npz", MODEL, "--keep", 7, "--samples", 100, "--out", "o", "--resume"
    )
    assert shown.code == 2
    assert topcert(*SHARED, "--samples", 100, "--out", "p").code == 0
    assert "needs the law partitions" in topcert("evaluate", "p", "--method", "design").err
    assert json.loads(Path("p/manifest.json").read_text())["law"] == "iid"


def test_sets_of_points_need_blocks_of_one_size(topcert: Callable[..., Outcome]) -> None:
    Path("points_for_tests.py").write_text(
        "def model():\n    return lambda batch: batch.sum(axis=1)[:, :2]\n"
    )
    np.savez(
        "points.npz",
        x=np.random.default_rng(0).normal(size=(2, 20, 3)).astype(np.float32),
        y=np.zeros(2, int),
    )
    run = [
        "certify",
        "points.npz",
        "points_for_tests:model",
        "--method",
        "design",
        "--design",
        "partitions",
        "--k",
        1,
    ]
    shown = topcert(*run, "--keep", 6, "--samples", 12, "--classes", 2, "--out", "o")
    assert shown.code == 0, shown.err  # four blocks of five
    odd = topcert(*run, "--keep", 7, "--samples", 12, "--classes", 2, "--out", "p")
    assert odd.code == 2
    assert "choose a --keep that divides the points" in odd.err


def test_a_design_method_takes_no_alpha_anywhere() -> None:
    method = find_sampled_method("design")
    smoothing = Smoothing(noise=Ablation(num_kept=2), unit="pixel", num_features=4)
    asked = {"smoothing": smoothing, "labels": None, "ks": [1]}
    with pytest.raises(ValueError, match=r"alpha must be 0, got 0\.1"):
        certify(method, np.array([[3, 1]]), label_choice="predicted", alpha=0.1, **asked)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="are the classifier"):
        method.favourable(
            np.ones((1, 2)), np.zeros((1, 2)), np.zeros(1, np.int64), ks=[1], smoothing=smoothing
        )
    assert Design(name="partitions", seed=0, num_features=4, num_kept=2).round_size == 2
