"""The vote ledger: the ballot of each (input, draw of the noise), as Parquet blocks that are whole
or absent.

    DIR/manifest.json                what decides the votes
    DIR/ledger/inputs.parquet        one row an input: index, label (or null), SHA-256, name (where
                                     inputs have names)
    DIR/ledger/checks.json           on how many rows it was checked that each is judged by itself;
                                     the last file of a run
    DIR/ledger/block-000000.parquet  votes (`topcert.voting.block_files`)

Votes are `(votes, depth)` throughout: the labels that each names, ranked, the best first, all
different. `topcert.voting.schedule` says which of them lie where.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from topcert.files import replacing
from topcert.noise.ablation import Ablation
from topcert.noise.law import of_law
from topcert.theory.evidence_rules import VoteDetails
from topcert.voting.block_files import BlockFiles
from topcert.voting.given_names import Names
from topcert.voting.inputs import Inputs, InputsFile, read_inputs_file
from topcert.voting.ledger_folder import BEFORE, one_writer, refuse_other_blocks
from topcert.voting.manifest import Manifest
from topcert.voting.open_inputs import OpenInputs, selected_labels, stopping_test_of
from topcert.voting.replay import check_depth
from topcert.voting.schedule import Schedule
from topcert.voting.stages import Stage
from topcert.voting.votes_by_input import joined, regrouped


@final
class Ledger:
    """The votes under one manifest in one folder."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self.stopping_test = stopping_test_of(manifest)
        self.blocks = BlockFiles(folder, manifest)
        self._open = (
            None if self.stopping_test is None else OpenInputs(manifest, self.stopping_test)
        )
        self._ended = self.stopping_test is None
        self.schedule = Schedule(
            Stage(
                inputs=np.arange(manifest.num_inputs),
                start=0,
                stop=(
                    manifest.num_votes
                    if self.stopping_test is None
                    else manifest.num_selection + self.stopping_test.looks[0]
                ),
                batch_size=manifest.batch_size,
                batches_per_block=manifest.batches_per_block,
            )
        )
        # positions of inputs that would have had more votes, had time not run out
        self.cut_short: NDArray[np.int64] = np.empty(0, np.int64)
        # the labels that a stopping rule asks about, `(inputs, asked)`
        self._labels: NDArray[np.int64] | None = None
        # first votes of blocks that a run of fewer inputs ended in
        self._partial: dict[int, NDArray[np.unsignedinteger]] = {}

    @staticmethod
    def open(folder: Path) -> Ledger:
        """Raises ValueError where `folder` holds no sound manifest, or its run is just being given
        more inputs.
        """
        if (folder / "ledger" / BEFORE).exists():
            raise ValueError(
                f"{folder} was being given more inputs when it was stopped; repeat the command with"
                " --resume to go on"
            )
        return Ledger(folder, Manifest.read(folder / "manifest.json"))

    @property
    def inputs_path(self) -> Path:
        return self.folder / "ledger" / "inputs.parquet"

    def block_path(self, block: int) -> Path:
        return self.blocks.path(block)

    @property
    def num_batches(self) -> int:
        return self.schedule.last.end_batch

    @property
    def num_blocks(self) -> int:
        return self.schedule.last.end_block

    @property
    def num_stored(self) -> int:
        """Votes of all inputs together, as far as it is known."""
        return self.schedule.last.end_vote

    @property
    def num_open(self) -> int:
        """Inputs that the last known stage asks."""
        return len(self.schedule.last.inputs)

    def extend(self) -> bool:
        """Lay out the stage after the last, of inputs that its votes do not stop; False where there
        is none.

        Raises ValueError where votes of the last stage are missing or damaged.
        """
        if self._ended or self.stopping_test is None or self._open is None:
            return False
        stage, labels = self.schedule.last, self.asked_labels()
        self._open.add(stage, self._votes_of(stage))
        still_open = self._open.still_open(stage.inputs, labels)
        self._ended = not len(still_open)
        if not self._ended:
            look = self.stopping_test.looks[len(self.schedule.stages)]
            self.schedule.append(still_open, self.manifest.num_selection + look)
        return not self._ended

    def asked_labels(self) -> NDArray[np.int64]:
        """The labels that a stopping rule asks about, int64 `(inputs, asked)`: given, or the most
        voted of the first sample.

        Raises ValueError where there are none, or the votes that select them are missing or
        damaged.
        """
        assert self.stopping_test is not None
        rule = self.stopping_test.rule
        if self._labels is None and rule.selects:
            first = self._votes_of(self.schedule.stages[0])[:, : self.manifest.num_selection]
            self._labels = selected_labels(
                first,
                num_classes=self.manifest.num_classes,
                asked=rule.k if rule.label == "shown" else 1,
            )
        elif self._labels is None:
            _, given, _ = self.read_inputs()
            self._labels = None if given is None else given[:, None]
        if self._labels is None:
            raise ValueError(
                f"{self.folder}: its stopping rule is for given labels, and inputs.parquet has none"
            )
        return self._labels

    def end(self) -> None:
        """Have no votes cast of the stage that was laid out last, whatever the rule asks.

        What is proven holds at any moment (docs, Theorem F). This object alone knows of it.
        """
        self.cut_short, self._ended = self.schedule.stages.pop().inputs, True

    def vote_details(self, asked: int = 0) -> Iterator[tuple[NDArray[np.int64], VoteDetails]]:
        """Positions of inputs that stopped at one look, and what the rule needs of their votes
        beside counts, for the label of the place `asked`; all in turn.

        None where the stopping rule needs nothing else. Raises ValueError as `complete` does.
        """
        self.complete()
        if self._open is None or self.stopping_test is None or not self.stopping_test.needs_votes:
            yield np.arange(self.manifest.num_inputs), None
            return
        yield from self._open.by_votes_spent(self.asked_labels()[:, asked])

    def complete(self) -> None:
        """Know all stages. Raises ValueError where votes are missing, damaged, or more than the
        stopping rule asks for.
        """
        while self.extend():
            pass
        if self.stopping_test is not None:
            self.check_blocks()

    def is_finished(self) -> bool:
        """Whether all votes are there. Raises ValueError where some that decide what follows are
        damaged.
        """
        while not self.missing_blocks():
            if not self.extend():
                return True
        return False

    def check_blocks(self) -> None:
        """Raises ValueError where there are more blocks of votes than are known of."""
        end = "the last vote"
        if self.stopping_test is not None:
            end = "the vote at which the last input stops"
        refuse_other_blocks(self.folder, self.block_names(), end=end)

    def block_names(self) -> set[str]:
        """The names of the files of all known blocks."""
        return {self.block_path(block).name for block in range(self.num_blocks)}

    def _votes_of(self, stage: Stage) -> NDArray[np.unsignedinteger]:
        """The votes of a stage, `(inputs, stop - start, depth)`."""
        blocks = [self.read_block(block) for block in range(stage.first_block, stage.end_block)]
        return np.concatenate(blocks).reshape(
            len(stage.inputs), stage.stop - stage.start, self.manifest.depth
        )

    def present_blocks(self) -> list[int]:
        return [block for block in range(self.num_blocks) if self._is_present(block)]

    def missing_blocks(self) -> list[int]:
        return [block for block in range(self.num_blocks) if not self._is_present(block)]

    def _is_present(self, block: int) -> bool:
        return block not in self._partial and self.block_path(block).is_file()

    def keep_partial(self, block: int, votes: NDArray[np.unsignedinteger]) -> None:
        """Count a block as missing but for its first `votes`, those of whole batches."""
        self._partial[block] = votes

    def partial_votes(self, block: int) -> NDArray[np.unsignedinteger]:
        """The first votes `(votes, depth)` of a missing block that are known."""
        return self._partial.get(block, np.empty((0, self.manifest.depth), self.blocks.dtype))

    def write_block(self, block: int, votes: NDArray[np.integer]) -> None:
        """Write votes `(votes, depth)`; `(votes,)` will do where a ballot names one label."""
        self.blocks.write(block, votes)
        self._partial.pop(block, None)

    def read_block(self, block: int) -> NDArray[np.unsignedinteger]:
        """The votes `(votes, depth)` of a block.

        Raises ValueError where it is missing, damaged, or belongs to another run.
        """
        return self.blocks.read(block, self.schedule.num_votes_of(block))

    def iterate_inputs(self) -> Iterator[NDArray[np.unsignedinteger]]:
        """The votes `(num_votes, depth)` of each input in turn, one block in memory at a time.

        Under a stopping rule `(votes until it stopped, depth)`, and all are in memory.
        """
        if self.stopping_test is not None:
            self.complete()
            stages = [(stage.inputs, self._votes_of(stage)) for stage in self.schedule.stages]
            yield from joined(stages, self.manifest.num_inputs)
            return
        blocks = map(self.read_block, range(self.num_blocks))
        yield from regrouped(blocks, self.manifest.num_votes)

    def counts(
        self, *, first: int | None = None, num_named: int | None = None
    ) -> NDArray[np.int64]:
        """How often each class is named by the `num_samples` votes that certify, or the `first` of
        them.

        Returns int64 `(inputs, classes)`. `num_named`: only the first so many labels of each ballot
        count, which are what a classifier that names so many gives; None for all.

        The `first` are what a run of so many samples would have had; under a stopping rule there is
        no such run. Raises ValueError where a block is missing or damaged, or `first` lies outside
        1 .. num_samples or `num_named` outside 1 .. depth.
        """
        if first is not None and self.stopping_test is not None:
            raise ValueError(
                f"{self.folder} was sampled under a stopping rule: a run of {first} votes is not"
                " part of it"
            )
        start, samples = self.manifest.num_selection, self.manifest.num_samples
        wanted = samples if first is None else first
        if not 1 <= wanted <= samples:
            raise ValueError(
                f"{self.folder} holds {samples} votes an input; the first {wanted} are not there"
            )
        return self._counted(slice(start, start + wanted), num_named)

    def selection_counts(self, *, num_named: int | None = None) -> NDArray[np.int64] | None:
        """How often each class is named by the first `num_selection` votes, which certify nothing;
        None without any.

        `num_named` is that of `counts`.
        """
        first = self.manifest.num_selection
        return self._counted(slice(first), num_named) if first else None

    def _counted(self, part: slice, num_named: int | None) -> NDArray[np.int64]:
        classes, ranks = self.manifest.num_classes, slice(check_depth(num_named, self.manifest))
        counted = (votes[part, ranks].reshape(-1) for votes in self.iterate_inputs())
        return np.stack([np.bincount(votes, minlength=classes) for votes in counted])

    def write_inputs(self, inputs: pa.Table) -> None:
        with replacing(self.inputs_path) as aside:
            pq.write_table(inputs, aside)

    def read_inputs(self) -> Inputs:
        """Indices, labels (or None) and fingerprints. Raises ValueError where they are not those of
        the manifest.
        """
        return self._read_inputs().inputs

    def read_names(self) -> Names:
        """What inputs and classes are called. Raises ValueError as `read_inputs` does."""
        return self._read_inputs().names

    def read_sizes(self) -> NDArray[np.int64] | None:
        """How many features each input has, int64 `(inputs,)`; None where each has as many as the
        manifest says. Raises ValueError as `read_inputs` does.
        """
        sizes = self._read_inputs().sizes
        same = sizes is None or bool((sizes == self.manifest.num_features).all())
        return None if same else sizes

    def _read_inputs(self) -> InputsFile:
        return read_inputs_file(
            self.inputs_path,
            fingerprint=self.manifest.data_fingerprint,
            num_inputs=self.manifest.num_inputs,
            num_classes=self.manifest.num_classes,
            sizes=(
                (of_law(self.manifest.noise, Ablation).kept, self.manifest.num_features)
                if self.manifest.form.any_length
                else None
            ),
        )

    def lock(self) -> AbstractContextManager[None]:
        """Keep the ledger for one writer; raises ValueError where another process has it."""
        return one_writer(self.folder)
