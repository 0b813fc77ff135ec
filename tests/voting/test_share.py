"""Shares of a run put together are the run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import topcert as tc
from tests.conftest import Outcome
from topcert.noise.ablation import Ablation
from topcert.voting import sampling
from topcert.voting.ledger import Ledger
from topcert.voting.share import Share, merge_shares

GIVEN = ["table.npz", "models_for_tests:linear", "--keep", 4, "--samples", 100, "--batch-size", 25]


def files(folder: str) -> dict[str, bytes]:
    found = [path for path in Path(folder).rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "MAX_BLOCK_VOTES", 50)


def test_merged_shares_are_certified_as_the_whole_run_is(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    ask = ["certify", *GIVEN, "--k", 1]
    assert topcert(*ask, "--out", "whole").code == 0
    for number in (1, 2, 3):
        run = topcert(*ask, "--out", f"share-{number}", "--shard", f"{number}/3")
        assert run.code == 0, run.err
        assert f"share {number}/3 of the run" in run.out
        assert not Path(f"share-{number}/certificates.parquet").exists()
        assert not Path(f"share-{number}/ledger/checks.json").exists()
    blocks = [set(Ledger.open(Path(f"share-{number}")).present_blocks()) for number in (1, 2, 3)]
    assert set.union(*blocks) == set(range(16))
    assert sum(map(len, blocks)) == 16
    two = topcert("merge", "share-1", "share-3", "--out", "merged")
    assert two.code == 0
    assert "merged has 11 blocks of votes, and 5 are missing" in " ".join(two.out.split())
    assert topcert("merge", "share-2", "--out", "merged").code == 0
    assert topcert(*ask, "--out", "merged", "--resume").code == 0
    assert files("merged") == files("whole")


def test_shares_from_python_leave_the_same_folder(workplace: Path) -> None:
    x = np.random.default_rng(0).random((5, 12))

    def model(batch: np.ndarray) -> np.ndarray:
        return batch[:, :3]

    smoothed = tc.SmoothedClassifier(model, noise=tc.Ablation(num_kept=4), batch_size=25)
    given: dict[str, Any] = {"num_samples": 100, "seed": 5, "progress": False}
    smoothed.vote(x, out="whole", **given)
    shares = [smoothed.vote_share(x, share=f"{i}/9", out=f"s{i}", **given) for i in range(1, 10)]
    assert tc.merge(shares, out="merged", progress=False).missing == ()
    smoothed.vote(x, out="merged", **given)
    assert files("merged") == files("whole")
    assert smoothed.vote_share(x, share="12/12", out="s12", **given) == Path("s12")  # no block


def test_a_share_that_was_stopped_goes_on(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    ask = ["certify", *GIVEN, "--out", "s", "--shard", "2/2"]
    assert topcert(*ask).code == 0
    whole = files("s")
    for block in (3, 9):
        Path(f"s/ledger/block-{block:06d}.parquet").unlink()
    again = topcert(*ask, "--resume")
    assert again.code == 0, again.err
    assert files("s") == whole


def share(number: int, **changes: Any) -> Path:
    x = np.random.default_rng(0).random((4, 12))
    smoothed = tc.SmoothedClassifier(
        lambda batch: batch[:, :3],
        noise=Ablation(num_kept=changes.pop("num_kept", 4)),
        batch_size=25,
    )
    given: dict[str, Any] = {"num_samples": 100, "progress": False, **changes}
    return smoothed.vote_share(
        x, share=f"{number}/2", out="-".join([str(number), *changes]), **given
    )


def merged(folders: list[Path]) -> Any:
    return merge_shares(folders, Path("o"), on_progress=lambda *_: None)


def test_what_are_no_shares_of_one_run_is_refused(workplace: Path) -> None:
    first, second = share(1), share(2)
    with pytest.raises(ValueError, match="seed = 0, this run has 1"):
        merged([first, share(2, seed=1)])
    with pytest.raises(ValueError, match="num_samples = 100, and 200 are asked for"):
        merged([first, share(2, num_samples=200)])
    forged = Ledger.open(second)
    votes = Ledger.open(first).read_block(0)
    forged.write_block(0, (votes + 1) % 3)
    with pytest.raises(ValueError, match="have other votes in block 0: the model is not determ"):
        merged([first, second])
    path = second / "ledger" / "block-000001.parquet"
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(ValueError, match="block-000001"):
        merged([second])
    assert not Path("o").exists()
    with pytest.raises(ValueError, match="name at least one folder"):
        merged([])


@pytest.mark.parametrize("text", ["", "2", "0/3", "4/3", "1/0", "a/b", "-1/3", "1/3/4", "1.0/2"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"--shard must be I/N with I in 1 .. N"):
        Share.read(text)


def test_a_stopping_rule_has_no_shares(workplace: Path, topcert: Callable[..., Outcome]) -> None:
    run = topcert(
        "certify", *GIVEN[:4], "--stop", "exact", "--k", 1, "--out", "o", "--shard", "1/2"
    )
    assert run.code == 2
    assert "--shard is for a fixed number of votes; leave --stop out" in run.err
    assert replace(Share(number=1, of=2), number=2) == Share.read("2/2")
