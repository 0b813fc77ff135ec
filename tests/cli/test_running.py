"""What a run says before its first vote, when it is stopped, and when it goes on."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from tests.conftest import Outcome
from topcert.classifiers.undefined import UnansweredVotes
from topcert.voting.voter import Voter

MODEL = "models_for_tests:linear"
SMALL = ["--keep", 4, "--samples", 100, "--batch-size", 25, "--k", 1]
RUN = ["certify", "table.npz", MODEL, *SMALL, "--out", "o"]
PREDICT = ["predict", "table.npz", MODEL, *SMALL]
STOP = [
    "certify",
    "table.npz",
    MODEL,
    "--keep",
    4,
    "--k",
    1,
    "--stop",
    "radius=1",
    "--max-samples",
    500,
    "--out",
    "o",
]


def stop_after(monkeypatch: pytest.MonkeyPatch, batches: int) -> None:
    """Ctrl-C at the vote after so many batches of the run."""
    votes, cast = Voter.votes, []

    def stopped(
        self: Voter,
        position: int,
        start: int,
        stop: int,
        *,
        undefined: UnansweredVotes | None = None,
    ) -> np.ndarray:
        if undefined is not None:
            if len(cast) == batches:
                raise KeyboardInterrupt
            cast.append(position)
        return votes(self, position, start, stop, undefined=undefined)

    monkeypatch.setattr(Voter, "votes", stopped)


def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("topcert.voting.sampling.MAX_BLOCK_VOTES", 100)


@pytest.mark.parametrize("command", [RUN, [*PREDICT, "--out", "o"]])
def test_ctrl_c_before_a_block_is_finished_speaks_of_none(
    workplace: Path,
    topcert: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
    command: list[object],
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 2)
        run = topcert(*command)
    assert run.code == 130
    assert (
        "stopped; no block of votes was finished, so o holds none: repeat the command with --resume"
        in run.err
    )
    assert not list(Path("o").rglob("block-*"))
    again = topcert(*command, "--resume")
    assert again.code == 0, again.err
    assert "resumed: o already holds 8 inputs, 0 blocks and 0 of 800 votes" in again.err


def test_ctrl_c_counts_what_is_kept_and_resume_says_what_it_took_over(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch)
    with pytest.MonkeyPatch.context() as patch:
        stop_after(patch, 10)
        run = topcert(*RUN)
    assert (run.code, len(list(Path("o").rglob("block-*")))) == (130, 2)
    assert "stopped; 2 finished blocks are kept in o: repeat the command with --resume" in run.err
    again = topcert(*RUN, "--resume")
    assert "resumed: o already holds 8 inputs, 2 blocks and 200 of 800 votes" in again.err
    assert (
        "resumed: o already holds 8 inputs, 8 blocks and 800 of 800 votes"
        in topcert(*RUN, "--resume").err
    )
    assert "resumed" not in topcert(*RUN[:-1], "p").err


def test_more_inputs_and_a_stopping_rule_say_what_was_there(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    small_blocks(monkeypatch)
    assert topcert(*RUN, "--limit", 3).code == 0
    assert (
        "resumed: o already holds 3 inputs, 3 blocks and 300 of 800 votes"
        in topcert(*RUN, "--resume").err
    )
    other = [*STOP[:-1], "s"]
    assert topcert(*other).code == 0
    cast = sum(pq.read_metadata(path).num_rows for path in Path("s").rglob("block-*"))
    assert re.search(
        rf"resumed: s already holds 8 inputs, [0-9]+ blocks and {cast:,} votes",
        topcert(*other, "--resume").err,
    )


def test_predict_promises_nothing_of_what_it_does_not_accept(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = topcert(*PREDICT)
    assert good.err.count("all radii of an input hold together") == 1
    Path("photos").mkdir()
    for side in (4, 5):
        Image.new("RGB", (side, side)).save(f"photos/{side}.png")
    for data, model in (
        ("absent", MODEL),
        ("table.npz", "models_for_tests:nan"),
        ("photos", MODEL),
        ("table.npz", "a:b"),
    ):
        bad = topcert("predict", data, model, *SMALL)
        assert bad.code == 2
        assert "hold together" not in bad.err, bad.err
        assert "masks of seed" not in bad.err
    drifting = topcert("predict", "table.npz", "models_for_tests:noisy", *SMALL)
    assert drifting.code == 2
    assert "hold together" not in drifting.err


def test_photographs_of_another_size_are_told_the_size_of_the_model(
    tmp_path: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    for name in ("a", "b"):
        Image.new("RGB", (50, 40), (200, 10, 10)).save(f"photos/{name}.png")
    run = ["predict", "photos", "compact", "--keep", 50, "--samples", 20]
    for more in ([], ["--resize", 32], ["--crop", 40]):
        bad = topcert(*run, *more)
        assert bad.code == 2
        assert "compact takes images of 32 x 32 pixels" in bad.err
        assert "give --resize 32 --crop 32" in bad.err
    assert topcert(*run, "--resize", 32, "--crop", 32).code == 0
    Image.new("RGB", (32, 32)).save("photos/0.png")
    bad = topcert(*run)  # the first fits
    assert (
        "photos/a.png is 50 x 40 pixels, the first image 32 x 32; --resize 32 --crop 32 makes"
        in bad.err
    )
    np.savez("x.npz", x=np.zeros((2, 40, 50, 3), np.uint8))
    # nothing resizes these
    assert "takes inputs of shape (6, 32, 32)" in topcert("predict", "x.npz", *run[2:]).err


def test_a_folder_of_a_set_is_for_sets_that_have_one(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    for command in (["certify", "--out", "o"], ["predict"], ["plan"]):
        bad = topcert(
            command[0], "table.npz", MODEL, "--keep", 4, "--data-dir", "absent", *command[1:]
        )
        assert bad.code == 2
        assert (
            "--data-dir absent is for cifar10, cifar10-held-out, imagenet and modelnet40" in bad.err
        )
        assert "DATA is 'table.npz'; leave it out" in bad.err
