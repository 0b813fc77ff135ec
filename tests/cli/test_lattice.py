"""The design `lattice` from the command: both encodings, certified, verified, evaluated; and what
it is not for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_design import certificates
from tests.cli.test_methods_cli import LABELS, VALUES, lay_out
from tests.cli.test_verify import rewrite_manifest
from tests.conftest import Outcome
from topcert.noise.ablation import Ablation
from topcert.noise.law import of_law
from topcert.theory.runoff_radius import runoff_radius, winner
from topcert.voting.ledger import Ledger

MODEL = "grids_for_tests:model"
# 10 x 10 pixels, 9 kept: every fourth row and column, 16 masks of 4, 6 or 9 pixels.
GRIDS = """
import numpy as np
from brightness_for_tests import CENTRES, scores

def model():
    return lambda batch: scores(batch) if batch.shape[2] == 10 else small(batch)

def small(batch):
    shown = batch[:, :3].sum((1, 2, 3)) / np.maximum(3 * batch[:, 3].sum((1, 2)), 1)
    return -np.abs(shown[:, None] - CENTRES)
"""
SHARED = [
    "certify",
    "images.npz",
    MODEL,
    "--keep",
    9,
    "--design",
    "lattice",
    "--samples",
    16,
    "--batch-size",
    5,
]
ENCODINGS = ["six-channel", "lattice", "infill"]


@pytest.fixture(autouse=True)
def pictures(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lay_out(workplace)
    Path("grids_for_tests.py").write_text(GRIDS)
    spoilt = VALUES.copy()
    spoilt[:, :4, :6] = 255 - spoilt[:, :4, :6] // 2  # grids that start there err
    np.savez(workplace / "images.npz", x=spoilt, y=LABELS)
    for name in ("brightness_for_tests", "grids_for_tests"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr("topcert.report.keep_results.draw_results", lambda *_, **__: None)


def floored_half(counts: np.ndarray, label: int) -> int:
    others = [(int(votes), -rival) for rival, votes in enumerate(counts) if rival != label]
    most, rival = max(others)
    margin = int(counts[label]) - most - (-rival < label)
    return margin // 2 if margin >= 0 else -1


@pytest.mark.parametrize("method", ["design", "fpa"])
@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_lattice_is_certified_and_verified(
    topcert: Callable[..., Outcome], method: str, encoding: str
) -> None:
    run = [*SHARED, "--k", 1, "--k", 2, "--method", method, "--encoding", encoding, "--out", "o"]
    shown = topcert(*run)
    assert shown.code == 0, shown.err
    assert "vote over all 16 published masks" in " ".join(shown.out.split()) or method == "fpa"
    ledger = Ledger.open(Path("o"))
    assert (ledger.manifest.law, ledger.manifest.algorithm) == ("lattice", "grid-classes-1")
    made, counts = certificates(), ledger.counts()
    of_one = made.radius[made.k == 1].tolist()
    assert of_one == [
        floored_half(row, int(label)) for row, label in zip(counts, LABELS, strict=True)
    ]
    assert max(of_one) > 1
    assert (made.radius[made.k == 2] >= made.radius[made.k == 1]).all()
    for more in ([], ["--model", MODEL, "--replay", 20]):
        checked = topcert("verify", "o", *more)
        assert checked.code == 0, checked.out + checked.err
        message = " ".join(checked.out.split())
        assert "the published masks are the grids of one stride" in message
        assert "seed 0 drew" not in message
    assert topcert("evaluate", "o", "--out", "same.csv").code == 0
    assert Path("same.csv").read_text() == Path("o/accuracy.csv").read_text()
    other = "fpa" if method == "design" else "design"
    assert topcert("evaluate", "o", "--method", other, "--k", 1).code == 0


def test_the_seed_changes_nothing(topcert: Callable[..., Outcome]) -> None:
    for seed, out in ((0, "o"), (77, "p")):
        assert (
            topcert(*SHARED, "--k", 1, "--method", "design", "--seed", seed, "--out", out).code == 0
        )
    assert Ledger.open(Path("o")).counts().tolist() == Ledger.open(Path("p")).counts().tolist()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--samples", 17], "--samples is 17, and the design lattice has 16 masks here"),
        (
            ["--design", "stratified", "--encoding", "lattice"],
            "encoding lattice shows regular grids of pixels, and only",
        ),
        (
            ["--unit", "feature"],
            "the design lattice cuts the pixels of images, and these 300 features are none",
        ),
        (
            ["--encoding", "lattice", "--fill", 0.5],
            "--fill is for the encodings constant and sentinel, not lattice",
        ),
        (["--selection", 5], "draws masks beside the design lattice; leave it out"),
    ],
)
def test_what_a_lattice_is_not_for_is_refused(
    topcert: Callable[..., Outcome], options: list[object], says: str
) -> None:
    shown = topcert(*SHARED, "--k", 1, "--method", "design", *options, "--out", "o")
    assert shown.code == 2
    assert says in " ".join(shown.err.split())
    assert not Path("o").exists()


def test_the_encoding_is_refused_without_a_design(topcert: Callable[..., Outcome]) -> None:
    for command in ("certify", "predict"):
        shown = topcert(
            command,
            "images.npz",
            MODEL,
            "--keep",
            9,
            "--samples",
            16,
            "--encoding",
            "lattice",
            "--out",
            "o",
        )
        assert shown.code == 2
        assert "only a method of designs with --design lattice keeps these" in " ".join(
            shown.err.split()
        )


def test_a_manifest_of_the_encoding_without_the_design_is_refused(
    topcert: Callable[..., Outcome],
) -> None:
    assert (
        topcert(*SHARED, "--k", 1, "--method", "design", "--encoding", "lattice", "--out", "o").code
        == 0
    )
    rewrite_manifest(
        Path("o"), law="random", algorithm="philox4x64-lemire32-fisher-yates-designed-1"
    )
    shown = topcert("verify", "o")
    assert shown.code == 2
    assert "encoding lattice does not go with the law random" in " ".join(shown.err.split())


NAMED = ["certify", "images.npz", MODEL, "--batch-size", 7, "--k", 1, "--method", "design"]


@pytest.mark.parametrize(
    ("design", "encoding", "count", "kept"),
    [
        ("lattice:4x3", "lattice", 24, 12),
        ("lattice:4x4", "six-channel", 16, 9),
        ("lattice:p=7", "six-channel", 21, 15),
    ],
)
def test_a_lattice_with_strides_of_its_own_is_certified_and_verified(
    topcert: Callable[..., Outcome], design: str, encoding: str, count: int, kept: int
) -> None:
    run = [*NAMED, "--design", design, "--encoding", encoding, "--samples", count, "--out", "o"]
    shown = topcert(*run)
    assert shown.code == 0, shown.err
    manifest = Ledger.open(Path("o")).manifest
    assert (manifest.law, manifest.algorithm, of_law(manifest.noise, Ablation).kept) == (
        design,
        "lattice-classes-1",
        kept,
    )
    assert certificates().radius.max() > 1
    checked = topcert("verify", "o", "--model", MODEL, "--replay", 20)
    assert checked.code == 0, checked.out + checked.err
    assert f"the published masks are the rounds of {design};" in " ".join(checked.out.split())
    assert topcert("evaluate", "o", "--k", 2).code == 0
    again = topcert(*run, "--keep", kept, "--resume")
    assert again.code == 0, again.err
    for entries, says in (
        (
            {"num_kept": kept - 1},
            f"widest mask of the design {design} keeps {kept} of these pixels",
        ),
        ({"num_samples": count - 1}, f"num_samples is {count - 1}, and the design {design} has"),
        ({"law": "lattice:9x9"}, "widest mask of the design lattice:9x9 keeps 4"),
        ({"algorithm": "grid-classes-1"}, "algorithm is grid-classes-1, which does not go with"),
        ({"law": "lattice:4"}, "law must be iid or a design"),
    ):
        rewrite_manifest(Path("o"), **entries)
        found = topcert("verify", "o")
        assert found.code == 2
        assert says in " ".join(found.err.split())
        rewrite_manifest(
            Path("o"), num_kept=kept, num_samples=count, law=design, algorithm="lattice-classes-1"
        )


def test_named_squares_vote_as_the_grids_of_their_stride(topcert: Callable[..., Outcome]) -> None:
    assert (
        topcert(*SHARED, "--k", 1, "--method", "fpa", "--encoding", "lattice", "--out", "o").code
        == 0
    )
    shown = topcert(
        *NAMED, "--method", "fpa", "--encoding", "lattice", "--design", "lattice:4x4", "--out", "p"
    )
    assert shown.code == 0, shown.err  # one round without --samples
    assert Ledger.open(Path("p")).counts().tolist() == Ledger.open(Path("o")).counts().tolist()
    assert Ledger.open(Path("p")).manifest.num_samples == 16


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            ["--design", "lattice:4x4", "--keep", 8],
            "--keep is 8, and the widest mask of lattice:4x4 keeps 9 of 10 x 10 pixels",
        ),
        (
            ["--design", "lattice:4x4", "--samples", 20],
            "--samples is 20, and the design lattice:4x4 has 4 rounds of 16 masks",
        ),
        (["--design", "lattice:4"], "unknown design 'lattice:4'; say lattice:5x4"),
        (["--design", "lattice:11x1"], "its strides may be 10x10 at most"),
        (
            ["--design", "lattice:p=7", "--encoding", "lattice"],
            "not lattice:p=23); add it, or choose another --encoding",
        ),
        (
            ["--design", "lattice:2x2", "--unit", "feature"],
            "cuts the pixels of images, and these 300 features are none",
        ),
    ],
)
def test_strides_that_do_not_fit_are_refused(
    topcert: Callable[..., Outcome], options: list[object], says: str
) -> None:
    shown = topcert(*NAMED, *options, "--out", "o")
    assert shown.code == 2
    assert says in " ".join(shown.err.split())
    assert not Path("o").exists()


def test_a_run_off_is_certified_and_verified(topcert: Callable[..., Outcome]) -> None:
    np.savez("unlabelled.npz", x=np.load("images.npz")["x"])
    run = [
        "certify",
        "unlabelled.npz",
        *SHARED[2:],
        "--method",
        "run-off",
        "--encoding",
        "lattice",
        "--ballot",
        4,
        "--out",
        "o",
    ]
    shown = topcert(*run)
    assert shown.code == 0, shown.err
    message = " ".join(shown.out.split())
    assert "is the label that wins the run-off" in message
    assert (
        "stays the winner of the run-off (first places, then a duel of two) over all 16 published"
        " masks" in message
    )
    made, ledger = certificates(), Ledger.open(Path("o"))
    for row, votes in enumerate(ledger.iterate_inputs()):
        ballots = votes.astype(np.int64)
        assert ballots.shape == (16, 4)
        assert made.label[row] == winner(ballots, 5)
        assert made.radius[row] == runoff_radius(
            ballots, int(made.label[row]), classes=5, num_features=100
        )
    assert made.radius.max() > 1
    assert topcert("verify", "o", "--model", MODEL, "--replay", 20).code == 0
    assert topcert("evaluate", "o", "--method", "run-off", "--ballot", 2).code == 0
    for more, says in (
        ([*run, "--k", 2], "certifies k = 1 only"),
        ([*run, "--design", "random"], "needs --design"),
    ):
        refused = topcert(*more)
        assert refused.code == 2
        assert says in " ".join(refused.err.split())
