"""From a request to a filled ledger."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import final

import numpy as np
import pyarrow as pa

from topcert.classifiers.second_instance import second_instance
from topcert.classifiers.torch_options import TorchOptions
from topcert.datasets.dataset import Dataset
from topcert.voting.checks import SecondCheck, write_check
from topcert.voting.executors.executor import Executor
from topcert.voting.executors.fastest import Fastest
from topcert.voting.executors.voter_recipe import VoterRecipe
from topcert.voting.fill import fill
from topcert.voting.given_names import given_names
from topcert.voting.growth import begin_growth, carry_over, end_growth, grown_manifest, read_before
from topcert.voting.inputs import as_recorded, fingerprint_inputs, inputs_table
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import FIXED, Manifest
from topcert.voting.open_inputs import stopping_test_of
from topcert.voting.pinned_threads import pin_threads
from topcert.voting.prepare import prepare
from topcert.voting.prepared_run import Prepared
from topcert.voting.request import Request
from topcert.voting.rows import check_run, quiet
from topcert.voting.second_check import check_second, rows_to_load
from topcert.voting.share import Share
from topcert.voting.time_budget import TimeBudget
from topcert.voting.voter import Voter


@final
@dataclass(frozen=True, kw_only=True)
class Opened:
    """A folder and a prepared request that may be run in it; `recorded` where it was started
    before.
    """

    folder: Path
    prepared: Prepared
    recorded: Manifest | None


def open_run(request: Request, folder: Path, *, resume: bool) -> Opened:
    """Prepare a request for `folder`; nothing is computed or written yet.

    Raises ValueError where the folder holds a run and not `resume`, and as `prepare` does.
    """
    path = folder / "manifest.json"
    if (folder / "bounds.json").exists():
        raise ValueError(
            f"{folder} holds certificates of a network's weights; choose another --out"
        )
    if path.exists() and not resume:
        raise ValueError(
            f"{folder} already holds a run; pass --resume to go on with it, or choose another --out"
        )
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"--out {folder} is a file; name a folder")
    recorded = Manifest.read(path) if path.exists() else None
    if recorded is not None:
        noise = request.noise.resuming(recorded.noise)
        request = replace(request, noise=noise, threads=recorded.threads)
        if request.torch_options is None and recorded.torch_options is not None:
            options = TorchOptions.read(recorded.torch_options)
            request = replace(request, torch_options=options)
    prepared = prepare(request, recorded_batch_size=recorded.batch_size if recorded else None)
    return Opened(folder=folder, prepared=prepared, recorded=recorded)


def read_inputs_table(
    dataset: Dataset, *, on_inputs: Callable[[int, int, str], None] | None = None
) -> pa.Table:
    """The inputs table of a data set; reads every input once, and tells `on_inputs` how many are
    read.
    """
    hashes = []
    for position in range(len(dataset)):
        if on_inputs is not None:
            on_inputs(position, len(dataset), "")
        hashes.append(dataset.fingerprint_input(position))
    return inputs_table(
        dataset.indices,
        dataset.labels,
        hashes,
        given_names(dataset.input_names, dataset.class_names),
        dataset.sizes,
    )


def collect_votes(
    opened: Opened,
    *,
    on_progress: Callable[[int, int, str], None],
    on_inputs: Callable[[int, int, str], None] | None = None,
    executor: Executor | None = None,
    share: Share | None = None,
    budget: TimeBudget | None = None,
) -> Ledger:
    """Fill the ledger: start it, or go on with it; of a `share` only its blocks, and it is no
    finished run. Under a stopping rule a `budget` may end it before the rule does.

    The `executor` computes the votes; None for the fastest on this machine.
    `on_progress(done, total, note)` counts votes, `on_inputs` of what comes before the first of
    them. That rows are judged alone is tried before the first vote and after the last, each time of
    a second instance of the model too, and `ledger/checks.json` then says so. A finished run may be
    opened on another runtime than its own: nothing is computed and nothing replayed then. Raises
    ValueError where the folder holds another run or a vote is no function of its own row; what is
    stored stays.
    """
    with closing(Fastest() if executor is None else executor) as by:
        return _collect(opened, on_progress, on_inputs, by, share, budget)


def _collect(
    opened: Opened,
    on_progress: Callable[[int, int, str], None],
    on_inputs: Callable[[int, int, str], None] | None,
    executor: Executor,
    share: Share | None,
    budget: TimeBudget | None,
) -> Ledger:
    folder, prepared, recorded = opened.folder, opened.prepared, opened.recorded
    inputs = read_inputs_table(prepared.dataset, on_inputs=on_inputs)
    if recorded is not None:
        inputs = as_recorded(inputs, recorded.data_fingerprint, first=recorded.num_inputs)
    fingerprint = fingerprint_inputs(inputs)
    if recorded is None:
        prepared = pin_threads(prepared)
    manifest = prepared.manifest(fingerprint)
    if share is not None and manifest.stopping != FIXED:
        raise ValueError("--shard is for a fixed number of votes; leave --stop out")
    stopping_test_of(manifest)  # a question without an answer is refused before any work
    elsewhere = False
    if recorded is not None:
        # What is finished needs no votes, so that any runtime may go on to certificates.
        here, moved = manifest, recorded.runtime != manifest.runtime and not read_before(folder)
        elsewhere = moved and Ledger(folder, recorded).is_finished()
        manifest = grown_manifest(
            recorded, replace(here, runtime=recorded.runtime) if elsewhere else here, inputs, folder
        )
        if manifest != recorded:  # more inputs do need votes
            grown_manifest(recorded, here, inputs, folder)
    hashes = inputs.column("sha256").to_pylist()
    voter = prepared.voter(read=prepared.dataset.reader(hashes, reads="the data now has another"))
    if on_inputs is not None:
        on_inputs(len(inputs), len(inputs), "checking the classifier")
    if manifest.noise.refuses_inputs:  # better known before the work than after most of it
        for position in range(manifest.num_inputs):
            voter.check_input(position)
    began = second = None  # where no vote is to come
    recipe = _recipe(prepared, manifest, inputs)
    if recorded is None:
        executor.expect(voter=voter, recipe=recipe)
    if not elsewhere:
        with nullcontext() if budget is None else budget.checking():
            generator = np.random.default_rng(manifest.seed)
            began = check_run(voter, manifest, [(0, 0)], generator=generator)
            second = _ask_second(prepared, voter, 0, 0)
    try:
        (folder / "ledger").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ValueError(f"cannot write to --out {folder}: {error.strerror}") from error
    ledger = Ledger(folder, manifest)
    with ledger.lock():
        if recorded is None:
            # another process was faster between open_run and the lock
            if (folder / "manifest.json").exists():
                raise ValueError(
                    f"{folder} has just been started by another process; wait for it, then pass"
                    " --resume"
                )
            # of a run whose manifest was lost: only its own may take its place
            if ledger.present_blocks():
                ledger.read_block(ledger.present_blocks()[0])
            manifest.write(folder / "manifest.json")
        elif Manifest.read(folder / "manifest.json") != recorded:
            raise ValueError(
                f"{folder} has just been given more inputs by another process; wait for it"
            )
        if recorded not in (None, manifest):
            begin_growth(recorded, manifest, folder)
        ledger.write_inputs(inputs)
        # elsewhere a replay would tell of rounding alone
        if began is not None and second is not None:
            carry_over(ledger, read_before(folder), inputs)
            fill(
                ledger,
                voter,
                executor=executor,
                recipe=recipe,
                on_progress=on_progress,
                share=share,
                budget=budget,
            )
            executor.close()
            end_growth(folder)
            if share is not None:
                return ledger
            # other rows than at the beginning; those of the same run are the same, and so is the
            # record of them
            generator = np.random.default_rng((manifest.seed, 1))
            position, start, _ = ledger.schedule.place(int(generator.integers(ledger.num_batches)))
            ended = check_run(voter, manifest, [(position, start)], generator=generator, ends=True)
            last = ledger.schedule.place(ledger.num_batches - 1)
            second += _ask_second(prepared, voter, *last[:2])
            write_check(folder, began + ended, manifest.digest(), second=second)
    return ledger


def _recipe(prepared: Prepared, manifest: Manifest, inputs: pa.Table) -> VoterRecipe:
    """How a worker makes the voter of this run, in whatever folder it works."""
    named = prepared.manifest(manifest.data_fingerprint)  # files by absolute paths
    return VoterRecipe(
        request=replace(prepared.request, data=named.data, model=named.model),
        batch_size=manifest.batch_size,
        num_classes=prepared.classifier.num_classes,
        model_fingerprint=prepared.classifier.fingerprint,
        runtime=prepared.classifier.runtime,
        input_hashes=tuple(inputs.column("sha256").to_pylist()),
    )


def _ask_second(prepared: Prepared, voter: Voter, position: int, start: int) -> SecondCheck:
    """`check_second` with an instance that is loaded for it and dropped again."""
    request, example = prepared.request, rows_to_load(voter, position, start)
    load = (
        partial(second_instance, request.model)
        if request.model_in_memory is None
        else request.model_in_memory.again
    )
    loaded = load(voter.classifier, example=example, device=request.device, output=request.output)
    with quiet(), loaded as again:
        return check_second(voter, again, position, start)
