"""A worker in a process of its own: it makes the voter of the run once, and computes parts.

    python -c "from topcert.voting.executors.worker import main; main()" RECIPE THREADS

Parts come in on its standard input, pickled, and their votes go out on its standard output; what a
model prints goes to the standard error. It ends with its input, so with the process of the run, and
then removes the recipe.

A recipe lies in two files, which every worker on a machine maps: the arrays that it holds are read
from the second where they lie, so that workers share them, and cannot write to them.
"""

from __future__ import annotations

import mmap
import os
import pickle
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np

from topcert.voting.executors.executor import BlockTask, BlockVotes, compute_block
from topcert.voting.executors.voter_recipe import VoterRecipe
from topcert.voting.voter import Voter

ALIGNED: Final = 64  # bytes at which arrays begin


@final
class NotSharedError(ValueError):
    """A model or data that cannot be given to another process."""


@final
@dataclass(frozen=True, kw_only=True)
class Refusal:
    """What a worker cannot do, as an error of the run says it; `unfit` where it is the worker that
    has another model, other data or another kind of processor.
    """

    text: str
    unfit: bool = False


def write_recipe(recipe: VoterRecipe, path: Path) -> None:
    """Write a recipe for workers on this machine. Raises NotSharedError where its model or its data
    cannot be given to another process.
    """
    try:
        import cloudpickle  # joblib needs it, and scikit-learn needs joblib
    except ImportError:
        from joblib.externals import cloudpickle  # before joblib 1.6
    buffers: list[pickle.PickleBuffer] = []
    try:
        text = cloudpickle.dumps(recipe, protocol=5, buffer_callback=buffers.append)
        raw = [buffer.raw() for buffer in buffers]
    except Exception as error:  # a person's object can raise anything
        raise NotSharedError(
            f"{recipe.request.model} cannot be given to another process ({type(error).__name__}:"
            f" {error}); use --executor in-process"
        ) from error
    sizes = [len(one) for one in raw]
    with path.with_suffix(".arrays").open("wb") as file:
        for one in raw:
            file.write(one)
            file.write(bytes(-len(one) % ALIGNED))
        file.write(bytes(ALIGNED))  # an empty file cannot be mapped
    path.write_bytes(pickle.dumps((sizes, text)))


def read_recipe(path: Path) -> VoterRecipe:
    """The recipe that `write_recipe` wrote; its arrays are read-only."""
    sizes, text = pickle.loads(path.read_bytes())
    with path.with_suffix(".arrays").open("rb") as file:
        mapped = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    buffers, start = [], 0
    for size in sizes:
        buffers.append(mapped[start : start + size])
        start += size + -size % ALIGNED
    found = pickle.loads(text, buffers=buffers)
    assert isinstance(found, VoterRecipe)
    return found


def compute_part(voter: Voter, part: BlockTask) -> BlockVotes | Refusal:
    """The votes of a part, in as few bytes as their labels need."""
    try:
        found = compute_block(voter, part)
    except (ValueError, OSError) as error:
        return Refusal(text=str(error))
    small = np.min_scalar_type(voter.classifier.num_classes - 1)
    return BlockVotes(block=found.block, votes=found.votes.astype(small), undefined=found.undefined)


def make_voter(recipe: VoterRecipe, threads: int) -> Voter | Refusal:
    """The voter of a run, whose model takes so many threads where the run leaves that open."""
    try:
        voter = recipe.make()
    except ValueError as error:
        return Refusal(text=str(error), unfit=True)
    if recipe.request.threads is None:
        voter.classifier.limit_threads(threads)
    return voter


def main() -> None:
    """Be a worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process of the run
    parts, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    recipe = Path(sys.argv[1])
    voter = make_voter(read_recipe(recipe), int(sys.argv[2]))
    try:
        while True:
            part = pickle.load(parts)
            found = voter if isinstance(voter, Refusal) else compute_part(voter, part)
            pickle.dump(found, answers)
            answers.flush()
    # the process of the run was killed, or else this one would have been
    except (EOFError, OSError, pickle.UnpicklingError):
        shutil.rmtree(recipe.parent, ignore_errors=True)
        os._exit(1)  # what could not be answered is not tried again
