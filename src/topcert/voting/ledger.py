"""The vote ledger: the ballot of each (input, draw of the noise), as Parquet blocks that are whole
or absent.

    DIR/manifest.json                what decides the votes
    DIR/ledger/inputs.parquet        one row an input: index, label (or null), SHA-256, name (where
                                     inputs have names)
    DIR/ledger/checks.json           on how many rows it was checked that each is judged by itself;
                                     the last file of a run
    DIR/ledger/block-000000.parquet  a column `vote`, in the smallest unsigned type that holds every
                                     label; where a ballot names several, `vote` is the best, and
                                     `vote_2`, `vote_3`, ... are the next

Votes are `(votes, depth)` throughout: the labels that each names, ranked, the best first, all
different.

Batches are numbered input by input: with n votes in batches of B, input p has batches p ceil(n/B)
and on. A block is a run of whole batches, so a block's place in the ledger follows from its number.
Each carries the manifest's digest and the SHA-256 of its votes.

Under a stopping rule the votes come in stages, each laid out like this: all inputs up to the first
look of the rule, votes that select a label included, then those that do not stop there up to the
second, and so on, blocks numbered through. Which inputs go on is not stored: it follows from the
votes before, and for a rule that asks for them from their masks.
"""

from __future__ import annotations

import hashlib
from bisect import bisect
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from topcert.files import first_line, local, replacing
from topcert.noise.ablation import Ablation
from topcert.noise.law import of_law
from topcert.theory.evidence_rules import VoteDetails
from topcert.theory.located_ballots import JointAndSurviving
from topcert.theory.stopping_rules import Stopping, StoppingTest
from topcert.voting.checks import CHECKS
from topcert.voting.given_names import Names
from topcert.voting.inputs import Inputs, InputsFile, check_size, read_inputs_file
from topcert.voting.manifest import FIXED, Manifest
from topcert.voting.replay import ReplayedMasks, check_depth
from topcert.voting.stages import Stage

LOCK: Final = ".lock"
BEFORE: Final = "before.json"  # there while a run is given more inputs (`topcert.voting.growth`)


@final
class Ledger:
    """The votes under one manifest in one folder."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.folder = folder
        self.manifest = manifest
        self._digest = manifest.digest()
        self._dtype = np.min_scalar_type(manifest.num_classes - 1)
        self._columns = column_names(manifest.depth)
        self.stopping_test = stopping_test_of(manifest)
        self._ended = self.stopping_test is None
        first = Stage(
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
        self._stages = [first]  # those that are known: without a stopping rule there is one
        self._so_far = np.zeros(
            (manifest.num_inputs if self.stopping_test else 0, manifest.num_classes), np.int64
        )
        # all votes so far, for a rule that asks for them
        self._cast: dict[int, NDArray[np.unsignedinteger]] = {}
        self._asked: NDArray[np.int64] | None = None  # the labels that a stopping rule asks about
        # first votes of blocks that a run of fewer inputs ended in
        self._held: dict[int, NDArray[np.unsignedinteger]] = {}

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
        return self.folder / "ledger" / f"block-{block:06d}.parquet"

    @property
    def num_batches(self) -> int:
        return self._stages[-1].end_batch

    @property
    def num_blocks(self) -> int:
        return self._stages[-1].end_block

    @property
    def num_stored(self) -> int:
        """Votes of all inputs together, as far as it is known."""
        return self._stages[-1].end_vote

    @property
    def num_open(self) -> int:
        """Inputs that the last known stage asks."""
        return len(self._stages[-1].inputs)

    def _stage(self, number: int, end: str) -> Stage:
        """The stage in which a batch, a block or a vote lies; `end` is the attribute that says
        where stages end.
        """
        return self._stages[
            bisect(
                self._stages,
                number,
                hi=len(self._stages) - 1,
                key=lambda stage: getattr(stage, end),
            )
        ]

    def place(self, batch: int) -> tuple[int, int, int]:
        """Of a batch: its input, its first draw and the draw after its last (padding not
        counted).
        """
        return self._stage(batch, "end_batch").place(batch)

    def batches_of(self, block: int) -> range:
        return self._stage(block, "end_block").batches_of(block)

    def block_of(self, batch: int) -> int:
        stage = self._stage(batch, "end_batch")
        return stage.first_block + (batch - stage.first_batch) // stage.batches_per_block

    def batch_of_vote(self, vote: int) -> int:
        return self._stage(vote, "end_vote").batch_of_vote(vote)

    def offset(self, batch: int) -> int:
        """Where a batch starts among all votes, stage by stage and input by input."""
        return self._stage(batch, "end_batch").offset(batch)

    def extend(self) -> bool:
        """Lay out the stage after the last, of inputs that its votes do not stop; False where there
        is none.

        Raises ValueError where votes of the last stage are missing or damaged.
        """
        if self._ended or self.stopping_test is None:
            return False
        stage, labels, selecting = (
            self._stages[-1],
            self.asked_labels(),
            self.manifest.num_selection,
        )
        for position, votes in zip(stage.inputs.tolist(), self._votes_of(stage), strict=True):
            certifying = votes if stage.start else votes[selecting:]
            self._so_far[position] += np.bincount(
                certifying.reshape(-1), minlength=self.manifest.num_classes
            )
            if self.stopping_test.needs_votes:
                self._cast[position] = (
                    np.concatenate([self._cast[position], votes]) if stage.start else votes
                )
        seen = self._seen(stage.inputs, labels)
        going = stage.inputs[
            ~self.stopping_test.stops(self._so_far[stage.inputs], labels[stage.inputs], seen)
        ]
        self._ended = not len(going)
        if not self._ended:
            self._stages.append(
                stage.after(going, selecting + self.stopping_test.looks[len(self._stages)])
            )
        return not self._ended

    def asked_labels(self) -> NDArray[np.int64]:
        """The labels that a stopping rule asks about, int64 `(inputs,)`: given, or the most voted
        of the first sample.

        Raises ValueError where there are none, or the votes that select them are missing or
        damaged.
        """
        assert self.stopping_test is not None
        if self._asked is None and self.stopping_test.rule.label == "selected":
            first = self._votes_of(self._stages[0])[:, : self.manifest.num_selection]
            self._asked = np.array([np.bincount(votes.reshape(-1)).argmax() for votes in first])
        elif self._asked is None:
            _, self._asked, _ = self.read_inputs()
        if self._asked is None:
            raise ValueError(
                f"{self.folder}: its stopping rule is for given labels, and inputs.parquet has none"
            )
        return self._asked

    def _seen(self, inputs: NDArray[np.int64], labels: NDArray[np.int64]) -> VoteDetails:
        """What the rule asks beside counts of the votes so far of `inputs`, all of which have the
        same number of them.
        """
        assert self.stopping_test is not None
        if not self.stopping_test.needs_votes:
            return None
        cast = [self._cast[position] for position in inputs.tolist()]
        counts, named = self._so_far[inputs], labels[inputs]
        joint = None
        if self.stopping_test.needs_ballots:
            certifying = (votes[self.manifest.num_selection :] for votes in cast)
            joint = self.stopping_test.joint(counts, named, certifying)
        if not self.stopping_test.needs_masks:
            return joint
        votes = _Part(manifest=self.manifest, votes=cast)
        masks = ReplayedMasks(votes, first=len(cast[0]) - self.manifest.num_selection)
        kept = masks.kept_counts(self.stopping_test.near(counts, named))
        surviving = self.stopping_test.surviving(counts, named, kept, masks.degrees())
        return surviving if joint is None else JointAndSurviving(joint=joint, surviving=surviving)

    def seen(self) -> Iterator[tuple[NDArray[np.int64], VoteDetails]]:
        """Positions of inputs that stopped at one look, and what the rule asks of their votes
        beside counts; all in turn.

        None where the stopping rule asks for nothing else. Raises ValueError as `complete` does.
        """
        self.complete()
        if self.stopping_test is None or not self.stopping_test.needs_votes:
            yield np.arange(self.manifest.num_inputs), None
            return
        spent, labels = self._so_far.sum(axis=1) // self.manifest.depth, self.asked_labels()
        for number in np.unique(spent):
            inputs = np.flatnonzero(spent == number)
            yield inputs, self._seen(inputs, labels)

    def complete(self) -> None:
        """Know all stages. Raises ValueError where votes are missing, damaged, or more than the
        stopping rule asks for.
        """
        while self.extend():
            pass
        if self.stopping_test is not None:
            self._check_blocks()

    def is_finished(self) -> bool:
        """Whether all votes are there. Raises ValueError where some that decide what follows are
        damaged.
        """
        while not self.missing_blocks():
            if not self.extend():
                return True
        return False

    def check_files(self) -> None:
        """Raises ValueError where its folder holds what a finished run does not, or votes are
        missing or damaged.
        """
        self.complete()
        self._check_blocks()
        names = {self.block_path(block).name for block in range(self.num_blocks)} | {
            self.inputs_path.name,
            CHECKS.name,
        }
        inside = self.inputs_path.parent
        # one that says nothing
        if (inside / LOCK).is_file() and not (inside / LOCK).stat().st_size:
            names.add(LOCK)
        stray = sorted(path.name for path in inside.iterdir() if path.name not in names)
        if stray:
            more = f" and {len(stray) - 1} more" if len(stray) > 1 else ""
            raise ValueError(
                f"{self.inputs_path.parent} holds {stray[0]!r}{more}, which no run writes there;"
                " the ledger has been changed"
            )

    def _check_blocks(self) -> None:
        names = {self.block_path(block).name for block in range(self.num_blocks)}
        for path in sorted((self.folder / "ledger").glob("block-*.parquet")):
            if path.name not in names:
                end = (
                    "the last vote"
                    if self.stopping_test is None
                    else "the vote at which the last input stops"
                )
                raise ValueError(f"{path} lies beyond {end}; the ledger has been changed")

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
        return block not in self._held and self.block_path(block).is_file()

    def hold(self, block: int, votes: NDArray[np.unsignedinteger]) -> None:
        """Count a block as missing but for its first `votes`, those of whole batches."""
        self._held[block] = votes

    def held(self, block: int) -> NDArray[np.unsignedinteger]:
        """The first votes `(votes, depth)` of a missing block that are known."""
        return self._held.get(block, np.empty((0, self.manifest.depth), self._dtype))

    def num_votes_of(self, block: int) -> int:
        batches = self.batches_of(block)
        return self.offset(batches.stop) - self.offset(batches.start)

    def digest_of(self, block: int) -> str:
        """The digest of the manifest that a block carries; empty where it carries none or cannot be
        read.
        """
        try:
            metadata = pq.read_schema(local(self.block_path(block))).metadata or {}
        except (OSError, pa.ArrowException):
            return ""
        return str(metadata.get(b"manifest", b"").decode("ascii", "replace"))

    def write_block(self, block: int, votes: NDArray[np.integer]) -> None:
        """Write votes `(votes, depth)`; `(votes,)` will do where a ballot names one label."""
        stored = votes.astype(self._dtype).reshape(len(votes), self.manifest.depth)
        metadata = {"manifest": self._digest, "block": str(block), "sha256": _hash(stored)}
        columns = {name: stored[:, rank] for rank, name in enumerate(self._columns)}
        table = pa.table(columns).replace_schema_metadata(metadata)
        with replacing(self.block_path(block)) as aside:
            pq.write_table(table, aside, compression="zstd")
        self._held.pop(block, None)

    def read_block(self, block: int) -> NDArray[np.unsignedinteger]:
        """The votes `(votes, depth)` of a block.

        Raises ValueError where it is missing, damaged, or belongs to another run.
        """
        path = self.block_path(block)
        if not path.is_file():
            raise ValueError(f"{path} is missing; go on with certify --resume")
        check_size(path, self.num_votes_of(block))
        try:
            table = pq.read_table(local(path))
            if table.column_names != self._columns or any(
                column.null_count for column in table.columns
            ):
                one = "one, vote" if len(self._columns) == 1 else ", ".join(self._columns)
                raise ValueError(
                    f"its columns are {', '.join(table.column_names)}; a run writes {one}, without"
                    " nulls"
                )
            votes: NDArray[np.unsignedinteger] = np.stack(
                [column.to_numpy() for column in table.columns], axis=1
            )
        except (OSError, pa.ArrowException, KeyError, ValueError) as error:
            raise ValueError(
                f"{path} is damaged ({first_line(error)}); delete it and go on with --resume"
            ) from error
        metadata = table.schema.metadata or {}
        wanted = self.num_votes_of(block)
        if strange := sorted(metadata.keys() - {b"manifest", b"block", b"sha256"}):
            raise ValueError(
                f"{path} says of itself what no run writes:"
                f" {strange[0].decode('ascii', 'replace')[:60]!r}"
            )
        if (
            metadata.get(b"manifest") != self._digest.encode()
            or metadata.get(b"block") != str(block).encode()
        ):
            raise ValueError(
                f"{path} was written under another manifest; the manifest or the block has been"
                " changed"
            )
        if (
            votes.dtype != self._dtype
            or len(votes) != wanted
            or metadata.get(b"sha256") != _hash(votes).encode()
        ):
            raise ValueError(
                f"{path} is damaged: its votes do not match its checksum; delete it and go on with"
                " --resume"
            )
        if votes.size and votes.max() >= self.manifest.num_classes:
            raise ValueError(
                f"{path} holds the label {votes.max()}; there are {self.manifest.num_classes}"
                " classes"
            )
        twice = (np.diff(np.sort(votes, axis=1), axis=1) == 0).any(axis=1)
        if twice.any():
            row = int(twice.argmax())
            raise ValueError(
                f"{path} holds the ballot {votes[row].tolist()} in row {row}, which names a label"
                " twice"
            )
        return votes

    def iterate_inputs(self) -> Iterator[NDArray[np.unsignedinteger]]:
        """The votes `(num_votes, depth)` of each input in turn, one block in memory at a time.

        Under a stopping rule `(votes until it stopped, depth)`, and all are in memory.
        """
        if self.stopping_test is not None:
            yield from self._iterate_stopped()
            return
        size = self.manifest.num_votes
        parts: list[NDArray[np.unsignedinteger]] = []
        held = 0
        for block in range(self.num_blocks):
            parts.append(self.read_block(block))
            held += len(parts[-1])
            if held >= size:
                joined = np.concatenate(parts)
                for start in range(0, held - size + 1, size):
                    yield joined[start : start + size]
                parts = [joined[held - held % size :]]
                held %= size

    def _iterate_stopped(self) -> Iterator[NDArray[np.unsignedinteger]]:
        self.complete()
        parts: list[list[NDArray[np.unsignedinteger]]] = [
            [] for _ in range(self.manifest.num_inputs)
        ]
        for stage in self._stages:
            for position, votes in zip(stage.inputs.tolist(), self._votes_of(stage), strict=True):
                parts[position].append(votes)
        yield from map(np.concatenate, parts)

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
        start, wanted = (
            self.manifest.num_selection,
            (self.manifest.num_samples if first is None else first),
        )
        if not 1 <= wanted <= self.manifest.num_samples:
            raise ValueError(
                f"{self.folder} holds {self.manifest.num_samples} votes an input; the first"
                f" {wanted} are not there"
            )
        return self._counted(slice(start, start + wanted), num_named)

    def selection_counts(self, *, num_named: int | None = None) -> NDArray[np.int64] | None:
        """How often each class is named by the first `num_selection` votes, which certify nothing;
        None without any.

        `num_named` is that of `counts`.
        """
        return (
            self._counted(slice(self.manifest.num_selection), num_named)
            if self.manifest.num_selection
            else None
        )

    def _counted(self, part: slice, num_named: int | None) -> NDArray[np.int64]:
        classes, ranks = self.manifest.num_classes, slice(check_depth(num_named, self.manifest))
        return np.stack(
            [
                np.bincount(votes[part, ranks].reshape(-1), minlength=classes)
                for votes in self.iterate_inputs()
            ]
        )

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

    def _read_inputs(self) -> InputsFile:
        return read_inputs_file(
            self.inputs_path,
            fingerprint=self.manifest.data_fingerprint,
            num_inputs=self.manifest.num_inputs,
            num_classes=self.manifest.num_classes,
        )

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the ledger for one writer; raises ValueError where another process has it. A killed
        one lets go.
        """
        path = self.folder / "ledger" / LOCK
        held = FileLock(path)
        try:
            held.acquire(timeout=0)
        except Timeout as error:
            raise ValueError(
                f"another process is writing to {self.folder}, or the file system refuses locks (it"
                f" holds {path}); wait for it, or choose another --out, on a local disk"
            ) from error
        except (OSError, NotImplementedError) as error:
            reason = (isinstance(error, OSError) and error.strerror) or first_line(error)
            raise ValueError(
                f"{path} cannot be locked ({reason}): the file system gives no locks, so two runs"
                " could write at once; choose an --out on a local disk"
            ) from error
        try:
            for folder in (self.folder, self.folder / "ledger"):
                for stale in folder.glob(".*.tmp"):  # left by a kill between write and rename
                    stale.unlink(missing_ok=True)
            yield
        finally:
            held.release()


@final
@dataclass(frozen=True, kw_only=True)
class _Part:
    """Votes of some inputs of a ledger."""

    manifest: Manifest
    votes: list[NDArray[np.unsignedinteger]]

    def iterate_inputs(self) -> Iterator[NDArray[np.unsignedinteger]]:
        yield from self.votes


def stopping_test_of(manifest: Manifest) -> StoppingTest | None:
    """What decides where inputs stop; None where their number of votes was set beforehand. Raises
    ValueError for a rule that this release does not know.
    """
    if manifest.stopping == FIXED:
        return None
    rule = Stopping.read(manifest.stopping)
    selects = rule.label == "selected"
    fits = rule.k < manifest.num_classes and rule.num_named == manifest.depth
    if not manifest.noise.stops or selects != bool(manifest.num_selection) or not fits:
        raise ValueError(
            f"the manifest's stopping is {manifest.stopping!r}, which does not go with its other"
            " entries"
        )
    return StoppingTest(
        rule,
        num_classes=manifest.num_classes,
        num_features=manifest.num_features,
        num_kept=of_law(manifest.noise, Ablation).kept,
        max_votes=manifest.num_samples,
        batch_size=manifest.batch_size,
    )


def column_names(depth: int) -> list[str]:
    """The columns of a block, one a rank."""
    return ["vote", *(f"vote_{rank}" for rank in range(2, depth + 1))]


def _hash(votes: NDArray[np.unsignedinteger]) -> str:
    return hashlib.sha256(np.ascontiguousarray(votes).tobytes()).hexdigest()
