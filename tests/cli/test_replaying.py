"""`verify --replay` where the runtime of the run is not at hand: made-up votes stay caught,
rounding stays excused.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.cli.test_verify import forge
from tests.conftest import Outcome
from topcert.audit.replaying import parse_replay
from topcert.evaluation.results import derive, write_results
from topcert.methods.certificate_table import CertificateTable
from topcert.report.draw_results import draw_results
from topcert.voting.ledger import Ledger

NEAR = '''
import numpy as np

def make():
    """Labels 0 and 1 lie within rounding of each other; which is ahead depends on the mask."""
    def scores(batch):
        found = np.zeros((len(batch), 5), np.float32)
        found[:, 0] = 1
        even = (batch != -1) @ np.arange(batch.shape[1]) % 2 == 0
        found[:, 1] = np.where(even, 1 + 1e-5, 1 - 1e-5)
        return found
    return scores
'''
SHARED = ["--samples", 300, "--batch-size", 50, "--k", 1, "--out", "o"]
PLAIN = ["certify", "table.npz", "models_for_tests:linear", "--keep", 2, *SHARED]
DESIGN = [
    "certify",
    "table.npz",
    "models_for_tests:linear",
    "--method",
    "design",
    "--design",
    "random",
    "--keep",
    2,
    *SHARED,
]
NEARLY = ["certify", "table.npz", "near:make", "--keep", 2, *SHARED]


def words(run: Outcome) -> str:
    return " ".join((run.out + run.err).split())


def cast(change: Callable[[np.ndarray], object]) -> None:
    """Other votes, and all that follows from them, under the name of a runtime that nobody has."""
    folder = Path("o")
    ledger = Ledger.open(folder)
    for block in range(ledger.num_blocks):
        votes = ledger.read_block(block).astype(np.int64)
        if not block:
            change(votes)
        ledger.write_block(block, votes)
    forge(folder, runtime="some other library, cpu Nehalem")
    made, _ = CertificateTable.read(folder / "certificates.parquet")
    results = derive(
        Ledger.open(folder),
        method=made.method,
        ks=[1],
        alpha=made.alpha,
        label_choice=made.label_choice,
    )
    write_results(results)
    draw_results(results, folder / "accuracy")


def one_off(votes: np.ndarray) -> None:
    votes[7] = (votes[7] + 1) % 5


@pytest.mark.parametrize("run", [PLAIN, DESIGN])
def test_one_made_up_vote_under_an_invented_runtime_is_false(
    workplace: Path, topcert: Callable[..., Outcome], run: list[object]
) -> None:
    assert topcert(*run).code == 0
    cast(one_off)
    assert topcert("verify", "o").code == 0
    found = topcert("verify", "o", "--model", "models_for_tests:linear", "--replay", "all")
    assert found.code == 1, words(found)
    assert (
        "1 of 2400 replayed votes differ from the ledger by more than rounding: input 0, draw 7"
        in words(found)
    )
    assert "rounding can do 0.001" in words(found)


@pytest.mark.parametrize("run", [PLAIN, DESIGN])
def test_votes_of_another_runtime_that_all_come_out_the_same_are_good_here(
    workplace: Path, topcert: Callable[..., Outcome], run: list[object]
) -> None:
    assert topcert(*run).code == 0
    cast(np.copy)  # as they are
    found = topcert("verify", "o", "--model", "models_for_tests:linear", "--replay", "all")
    assert found.code == 0, words(found)
    assert (
        "not checked: the runtime of the run, some other library, cpu Nehalem; here it is"
        in words(found)
    )
    assert "all 2,400 votes computed again here (0 of them differ, by rounding)" in words(found)
    some = topcert("verify", "o", "--model", "models_for_tests:linear", "--replay", 20)
    assert some.code == 0
    assert (
        "were 13.92% of all votes made up, one would have differed with probability 0.95 at least"
        in words(some)
    )
    assert ("only --replay all checks it" in words(some)) == (run is DESIGN)


def test_votes_within_rounding_stay_open_and_what_follows_here_is_named(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    Path("near.py").write_text(NEAR)
    assert topcert(*NEARLY, "--label", "predicted").code == 0
    cast(lambda votes: votes.fill(0))  # near ties, all of them decided for one label
    some = topcert("verify", "o", "--model", "near:make", "--replay", 1)
    assert some.code == 2, words(some)
    assert "rounding may explain it; --replay all tells what follows" in words(some)
    every = topcert("verify", "o", "--model", "near:make", "--replay", "all")
    assert every.code == 2, words(every)
    assert "not proven here: input 0, label 0, k = 1:" in words(every)
    assert "these certificates stay open, the others are proven here" in words(every)


def upside_down(votes: np.ndarray) -> None:
    votes[:, :2] = votes[:, 1::-1].copy()


def third_before_second(votes: np.ndarray) -> None:
    votes[7, 1:] = votes[7, :0:-1].copy()


@pytest.mark.parametrize(("change", "code"), [(upside_down, 0), (third_before_second, 1)])
def test_ranks_within_rounding_are_excused_and_others_are_not(
    workplace: Path,
    topcert: Callable[..., Outcome],
    change: Callable[[np.ndarray], object],
    code: int,
) -> None:
    """Each ballot holds labels 0 and 1, which score the same but for rounding, and then 2."""
    Path("near.py").write_text(NEAR)
    assert topcert(*NEARLY, "--label", "predicted", "--ballot", 3).code == 0
    cast(change)
    assert topcert("verify", "o").code == 0  # the same labels are named
    found = topcert("verify", "o", "--model", "near:make", "--replay", "all")
    assert found.code == code, words(found)
    if code:
        assert (
            "1 of 2400 replayed votes differ from the ledger by more than rounding: input 0, draw 7"
            in words(found)
        )
        assert ", 2, 1, here it is " in words(found) or ", 2, 0, here it is " in words(found)
    else:
        assert "give every certificate too, which so holds for the model on this runtime" in words(
            found
        )


def test_the_same_runtime_excuses_nothing(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    Path("near.py").write_text(NEAR)
    assert topcert(*NEARLY).code == 0
    runtime = Ledger.open(Path("o")).manifest.runtime
    cast(one_off)
    forge(Path("o"), runtime=runtime)
    found = topcert("verify", "o", "--model", "near:make", "--replay", "all")
    assert found.code == 1
    assert (
        "1 of 2400 replayed votes differ from the ledger (input 0, draw 7: the ledger has label"
        in words(found)
    )


@pytest.mark.parametrize("text", ["0", "-1", "some", "1.5", ""])
def test_what_is_no_number_of_votes_is_refused(text: str) -> None:
    with pytest.raises(
        ValueError, match="--replay must be a number of votes of at least 1, or all; got"
    ):
        parse_replay(text)
    assert [parse_replay(good) for good in ("all", "7", None)] == [0, 7, None]


@pytest.mark.parametrize("run", [PLAIN, DESIGN])
def test_where_all_batches_are_replayed_nothing_is_said_of_a_share(
    workplace: Path, topcert: Callable[..., Outcome], run: list[object]
) -> None:
    # one batch: any vote of it has all replayed
    assert topcert(*run, "--limit", 1, "--batch-size", 300).code == 0
    found = topcert("verify", "o", "--model", "models_for_tests:linear", "--replay", 1)
    assert found.code == 0, words(found)
    assert "300 votes computed again, 0 differ" in words(found)
    assert "all 300 votes came out the same" in words(found)
    assert "made up, one would have differed" not in words(found)
    assert "were not computed again" not in words(found)
