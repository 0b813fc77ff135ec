"""The files of a ledger that hold votes: one a block, whole or absent.

    DIR/ledger/block-000000.parquet  a column `vote`, in the smallest unsigned type that holds every
                                     label; where a ballot names several, `vote` is the best, and
                                     `vote_2`, `vote_3`, ... are the next

Each carries the manifest's digest, its own number and the SHA-256 of its votes.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from topcert.files import first_line, local, replacing
from topcert.voting.inputs import check_size
from topcert.voting.manifest import Manifest


@final
class BlockFiles:
    """The blocks of votes under one manifest in one folder; votes are `(votes, depth)`."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self._folder, self._digest = folder, manifest.digest()
        self._num_classes, self._depth = manifest.num_classes, manifest.depth
        self.dtype = np.min_scalar_type(manifest.num_classes - 1)
        self._columns = column_names(manifest.depth)

    def path(self, block: int) -> Path:
        """Where a block lies."""
        return self._folder / "ledger" / f"block-{block:06d}.parquet"

    def digest_of(self, block: int) -> str:
        """The digest of the manifest that a block carries; empty where it carries none or cannot be
        read.
        """
        try:
            metadata = pq.read_schema(local(self.path(block))).metadata or {}
        except (OSError, pa.ArrowException):
            return ""
        return str(metadata.get(b"manifest", b"").decode("ascii", "replace"))

    def write(self, block: int, votes: NDArray[np.integer]) -> None:
        """Write the votes of a block, whole or not at all."""
        stored = votes.astype(self.dtype).reshape(len(votes), self._depth)
        metadata = {"manifest": self._digest, "block": str(block), "sha256": _hash(stored)}
        columns = {name: stored[:, rank] for rank, name in enumerate(self._columns)}
        table = pa.table(columns).replace_schema_metadata(metadata)
        with replacing(self.path(block)) as aside:
            pq.write_table(table, aside, compression="zstd")

    def read(self, block: int, num_votes: int) -> NDArray[np.unsignedinteger]:
        """The votes of a block, which must be so many.

        Raises ValueError where it is missing, damaged, or belongs to another run.
        """
        path = self.path(block)
        if not path.is_file():
            raise ValueError(f"{path} is missing; go on with certify --resume")
        check_size(path, num_votes)
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
        self._check_metadata(path, block, table.schema.metadata or {})
        if (
            votes.dtype != self.dtype
            or len(votes) != num_votes
            or (table.schema.metadata or {}).get(b"sha256") != _hash(votes).encode()
        ):
            raise ValueError(
                f"{path} is damaged: its votes do not match its checksum; delete it and go on with"
                " --resume"
            )
        self._check_labels(path, votes)
        return votes

    def _check_metadata(self, path: Path, block: int, metadata: dict[bytes, bytes]) -> None:
        """Raise ValueError where a block says of itself what it should not."""
        if unknown := sorted(metadata.keys() - {b"manifest", b"block", b"sha256"}):
            raise ValueError(
                f"{path} says of itself what no run writes:"
                f" {unknown[0].decode('ascii', 'replace')[:60]!r}"
            )
        if (
            metadata.get(b"manifest") != self._digest.encode()
            or metadata.get(b"block") != str(block).encode()
        ):
            raise ValueError(
                f"{path} was written under another manifest; the manifest or the block has been"
                " changed"
            )

    def _check_labels(self, path: Path, votes: NDArray[np.unsignedinteger]) -> None:
        """Raise ValueError for a label that is none of the classes, or twice in a ballot."""
        if votes.size and votes.max() >= self._num_classes:
            raise ValueError(
                f"{path} holds the label {votes.max()}; there are {self._num_classes} classes"
            )
        twice = (np.diff(np.sort(votes, axis=1), axis=1) == 0).any(axis=1)
        if twice.any():
            row = int(twice.argmax())
            raise ValueError(
                f"{path} holds the ballot {votes[row].tolist()} in row {row}, which names a label"
                " twice"
            )


def column_names(depth: int) -> list[str]:
    """The columns of a block, one a rank."""
    return ["vote", *(f"vote_{rank}" for rank in range(2, depth + 1))]


def _hash(votes: NDArray[np.unsignedinteger]) -> str:
    return hashlib.sha256(np.ascontiguousarray(votes).tobytes()).hexdigest()
