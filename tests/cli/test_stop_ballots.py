"""`topcert certify --stop --ballot W`: each input has as many ballots as its rule gives it, and
nothing else reads them.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.conftest import Outcome
from topcert.randomization.masks import draw_masks
from topcert.theory.evidence_rules import VoteDetails
from topcert.theory.located_ballots import JointAndSurviving
from topcert.theory.stopping_test import StoppingTest
from topcert.voting.ledger import Ledger
from topcert.voting.voter import Voter

MODEL = "models_for_tests:linear"
RUN = [
    "certify",
    "table.npz",
    MODEL,
    "--keep",
    2,
    "--k",
    2,
    "--alpha",
    0.05,
    "--batch-size",
    20,
    "--ballot",
    2,
]
STOP = [*RUN, "--stop", "exact", "--max-samples", 300]


@pytest.fixture(params=["ablation", "located"])
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def folder(workplace: Path, topcert: Callable[..., Outcome], method: str) -> Path:
    run = topcert(*STOP, "--method", method, "--out", "o")
    assert run.code == 0, run.err
    assert "times fewer than 300 for all. Settled: " in " ".join(run.out.split())
    return Path("o")


def seen_by(
    stopping_test: StoppingTest, cast: np.ndarray, counts: np.ndarray, label: np.ndarray
) -> VoteDetails:
    """What the rule asks of the first ballots of an input, their masks drawn again."""
    joint = stopping_test.joint(counts, label, [cast])
    if not stopping_test.needs_masks:
        return joint
    kept = draw_masks(seed=0, start=0, stop=len(cast), num_features=12, num_kept=2)
    named = (cast == label[0]).any(axis=1)
    met = np.array([[int((kept[named] == i).sum()) for i in range(12)]])
    return JointAndSurviving(
        joint=joint,
        surviving=stopping_test.surviving(
            counts, label, [met], np.bincount(kept.reshape(-1), minlength=12)
        ),
    )


def test_each_input_has_the_ballots_that_the_rule_gives_it(
    folder: Path, topcert: Callable[..., Outcome], method: str
) -> None:
    assert topcert(*RUN, "--samples", 300, "--out", "fixed").code == 0
    ledger, labels = Ledger.open(folder), np.load("table.npz")["y"]
    stopping_test = ledger.stopping_test
    assert stopping_test is not None
    rule = "evidence-ballots-1" if method == "ablation" else "located-evidence-ballots-1"
    assert ledger.manifest.stopping == f"exact; k=2; alpha=0.05; label=given; rule={rule}; ballot=2"
    votes, every = list(ledger.iterate_inputs()), list(Ledger.open(Path("fixed")).iterate_inputs())
    lengths, radii = [], []
    for position, cast in enumerate(every):
        for look in stopping_test.looks:
            first, label = cast[:look], labels[position : position + 1]
            counts = np.bincount(first.reshape(-1), minlength=5)[None]
            seen = seen_by(stopping_test, first, counts, label)
            if stopping_test.stops(counts, label, seen)[0]:
                break
        lengths.append(look)
        radius = int(stopping_test.proven(counts, label, seen)[0])
        radii.append(None if radius < 0 else radius)
        # the same ballots, up to where it stops
        assert np.array_equal(votes[position], cast[:look])
    assert len(set(lengths)) > 1
    made = pq.read_table(folder / "certificates.parquet")
    assert made.column("votes").to_pylist() == lengths
    assert made.column("radius").to_pylist() == radii
    assert made.column("num_named").to_pylist() == [2] * 8
    assert (ledger.counts().sum(axis=1) == 2 * np.array(lengths)).all()


def test_it_verifies_and_changes_do_not(folder: Path, topcert: Callable[..., Outcome]) -> None:
    asked = topcert(
        "verify", folder, "--model", MODEL, "--replay", 40, "--fresh-seed", 5, "--samples", 300
    )
    assert asked.code == 0, asked.out + asked.err
    assert topcert("evaluate", folder).code == 0
    path = folder / "certificates.parquet"
    table = pq.read_table(path)
    for column, value in (("votes", 20), ("radius", 9)):
        rows = table.to_pylist()
        rows[0][column] = value if column == "radius" else rows[0]["votes"] + value
        pq.write_table(pa.Table.from_pylist(rows, schema=table.schema), path)
        changed = topcert("verify", folder)
        assert (changed.code, column in changed.out) == (1, True)


def test_stopped_and_resumed_it_gives_the_same_files(
    folder: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    cast, left = Voter.votes, 10

    def interrupted(
        self: Voter, position: int, start: int, stop: int, **options: bool
    ) -> np.ndarray:
        nonlocal left
        left -= 1
        if left < 0:
            raise KeyboardInterrupt
        return cast(self, position, start, stop, **options)

    monkeypatch.setattr("topcert.voting.sampling.MAX_BLOCK_VOTES", 60)
    monkeypatch.setattr(Voter, "votes", interrupted)
    assert topcert(*STOP, "--method", method, "--out", "cut").code == 130
    monkeypatch.setattr(Voter, "votes", cast)
    assert topcert(*STOP, "--method", method, "--out", "cut", "--resume").code == 0
    assert pq.read_table("cut/certificates.parquet").equals(
        pq.read_table(folder / "certificates.parquet")
    )
    assert Path("cut/counts.csv").read_bytes() == (folder / "counts.csv").read_bytes()


def test_nothing_else_may_read_them(
    folder: Path, topcert: Callable[..., Outcome], method: str
) -> None:
    other = "located" if method == "ablation" else "ablation"
    for change, says in (
        (["--ballot", 1], "a stopping rule for --ballot 2, got --ballot 1"),
        (
            ["--method", other, "--k", 2],
            f"the stopping rule exact of {method}, which {other} may not read",
        ),
    ):
        run = topcert("evaluate", folder, *change)
        assert run.code == 2
        assert says in run.err
    path = folder / "manifest.json"
    path.write_text(path.read_text().replace("; ballot=2", "; ballot=3"))
    run = topcert("verify", folder)
    assert run.code == 2
    assert "does not go with its other entries" in run.err


def test_a_first_sample_of_ballots_may_select_the_label(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(*STOP, "--label", "selected", "--selection", 40, "--out", "o")
    assert run.code == 0, run.err
    ledger = Ledger.open(Path("o"))
    first = ledger.selection_counts()
    assert first is not None
    assert ledger.asked_labels()[:, 0].tolist() == first.argmax(axis=1).tolist()
    assert topcert("verify", "o").code == 0


def test_a_question_beyond_what_ballots_can_prove_is_refused(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(*RUN, "--stop", "radius=9", "--out", "o")
    assert run.code == 2
    assert "no votes can certify a radius above" in run.err
    assert not Path("o").exists()
