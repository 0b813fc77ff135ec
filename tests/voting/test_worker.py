"""What a worker does, here in the process of the tests: it makes a voter of a recipe in two files,
and answers with votes or with why it has none.
"""

from __future__ import annotations

import io
import os
import pickle
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.voting.keeping import Keeping
from topcert.datasets.data_in_memory import ArraysInMemory
from topcert.noise.ablation import Ablation
from topcert.voting.executors import worker
from topcert.voting.executors.executor import (
    BlockTask,
    BlockVotes,
    compute_block,
)
from topcert.voting.executors.ray_cluster import Ray
from topcert.voting.executors.voter_recipe import VoterRecipe
from topcert.voting.executors.worker import (
    Refusal,
    compute_part,
    make_voter,
    read_recipe,
    write_recipe,
)
from topcert.voting.request import Request
from topcert.voting.run import collect_votes, open_run
from topcert.voting.voter import Voter

TASK = BlockTask(block=0, batches=((0, 0, 25), (1, 25, 50)))


@pytest.fixture
def recipe(workplace: Path) -> VoterRecipe:
    """That of a run whose inputs are in memory."""
    request = Request(
        data="an array in memory",
        data_in_memory=ArraysInMemory(np.load(workplace / "table.npz")["x"]),
        model="models_for_tests:linear",
        num_samples=50,
        noise=Ablation(num_kept=4),
        batch_size=25,
    )
    keeping = Keeping()
    collect_votes(
        open_run(request, workplace / "run", resume=False),
        on_progress=lambda *_: None,
        executor=keeping,
    )
    return keeping.recipe


def test_a_worker_casts_the_votes_of_the_run(recipe: VoterRecipe, tmp_path: Path) -> None:
    write_recipe(recipe, tmp_path / "recipe.pickle")
    voter = make_voter(read_recipe(tmp_path / "recipe.pickle"), threads=1)
    assert isinstance(voter, Voter)
    assert voter.classifier.threads == 1
    found = compute_part(voter, TASK)
    assert isinstance(found, BlockVotes)
    assert found.votes.dtype == np.uint8
    np.testing.assert_array_equal(found.votes, compute_block(recipe.make(), TASK).votes)


def test_a_worker_that_finds_something_else_says_so(recipe: VoterRecipe) -> None:
    other = make_voter(replace(recipe, model_fingerprint="x"), threads=1)
    assert isinstance(other, Refusal)
    assert other.unfit
    assert "a worker has another model than the run" in other.text
    voter = make_voter(replace(recipe, input_hashes=("x",) * len(recipe.input_hashes)), threads=1)
    assert isinstance(voter, Voter)
    found = compute_part(voter, TASK)
    assert isinstance(found, Refusal)
    assert not found.unfit
    assert "a worker reads another input 0 than the run" in found.text


class EndedError(Exception):
    """In the place of the end of the process."""


def test_a_worker_answers_parts_until_its_input_ends(
    recipe: VoterRecipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "work"
    folder.mkdir()
    write_recipe(recipe, folder / "recipe.pickle")
    parts, answers = io.BytesIO(pickle.dumps(TASK) * 2), io.BytesIO()

    def end(code: int) -> None:
        raise EndedError(code)

    really_open = os.open

    def open_file(path: Any, *options: Any, **named: Any) -> int:
        return 0 if path == os.devnull else really_open(path, *options, **named)

    streams: list[Any] = [parts, answers]
    for name, value in (
        ("fdopen", lambda *_: streams.pop(0)),
        ("dup", lambda number: number),
        ("dup2", lambda *_: None),
        ("open", open_file),
        ("_exit", end),
    ):
        monkeypatch.setattr(os, name, value)
    monkeypatch.setattr(worker.signal, "signal", lambda *_: None)
    monkeypatch.setattr(sys, "argv", ["", str(folder / "recipe.pickle"), "1"])
    with pytest.raises(EndedError):
        worker.main()
    monkeypatch.undo()
    answers.seek(0)
    wanted = compute_block(recipe.make(), TASK).votes
    for _ in range(2):
        np.testing.assert_array_equal(pickle.load(answers).votes, wanted)
    assert not folder.exists()


def test_a_ray_executor_says_what_it_is_and_refuses_what_is_none() -> None:
    assert repr(Ray("auto", workers=3)) == "Ray('auto', workers=3)"
    for workers in (0, -1):
        with pytest.raises(ValueError, match=f"--workers must be at least 1, got {workers}"):
            Ray(workers=workers)
    assert Ray(num_cpus=0).needs.fit({}) == 1
