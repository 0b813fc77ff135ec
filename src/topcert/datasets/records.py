"""Files of records as a data set: which kind of input they hold, and in which columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, final

from topcert.datasets.array_dataset import dataset_of
from topcert.datasets.dataset import Dataset
from topcert.datasets.npz import read_arrays
from topcert.files import first_line
from topcert.modalities.modality import Modality
from topcert.modalities.registered_modalities import all_modalities


@final
@dataclass(frozen=True, kw_only=True)
class Records:
    """What a file of records holds.

    Parameters
    ----------
    modality
        The kind of input: "tokens".
    columns
        What a column is for, and its name, where that is not the same: {"text": "body"}.
        Of texts "text" and "label"; without a label column texts are unlabelled.

    Raises
    ------
    ValueError
        For a kind that is read from no records, and columns that it does not have.

    Examples
    --------
    >>> import topcert
    >>> topcert.Records(modality="tokens", columns={"text": "body", "label": "topic"})
    Records(modality='tokens', columns={'text': 'body', 'label': 'topic'})
    >>> topcert.Records(modality="table")
    Traceback (most recent call last):
    ValueError: table is read from no records; choose --modality tokens
    """

    modality: str
    columns: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        known = self._kind().record_columns
        for purpose, column in self.columns.items():
            if purpose not in known:
                raise ValueError(
                    f"--{purpose}-column is for other records, and {self.modality} have"
                    f" {', '.join(known)}; leave it out"
                )
            if not isinstance(column, str) or not column:
                raise ValueError(f"--{purpose}-column must be the name of a column, got {column!r}")
        object.__setattr__(self, "columns", dict(self.columns))

    def _kind(self) -> Modality:
        kinds = {one.name: one for one in all_modalities() if one.record_columns}
        if self.modality not in kinds:
            raise ValueError(
                f"{self.modality} is read from no records; choose --modality {' or '.join(kinds)}"
            )
        return kinds[self.modality]

    def load(
        self, path: Path, *, unit: str | None, value_range: tuple[float, float] | None
    ) -> Dataset:
        """The data set of a file or a folder.

        Parameters
        ----------
        path
            A file of records, or a folder of texts.
        unit, value_range
            As `Reading` has them.

        Returns
        -------
        Dataset

        Raises
        ------
        ValueError
            Where it cannot be read so.
        """
        kind = self._kind()
        try:
            arrays = dict(kind.read_records(path, self.columns))
        except Exception as error:  # a damaged file can raise anything
            if isinstance(error, ValueError) and str(path) in str(error):
                raise
            raise ValueError(
                f"{path} cannot be read as {kind.called}: {first_line(error)}"
            ) from error
        names = arrays.pop("input_names", None)
        found = read_arrays(arrays, f"{path}: ", unit=unit or kind.unit, value_range=value_range)
        return replace(
            dataset_of(found, str(path)),
            input_names=None if names is None else tuple(names),
            raw=kind.raw(str(path), {"records": self.to_json()}),
        )

    def to_json(self) -> dict[str, Any]:
        """What a manifest records."""
        return {"modality": self.modality, "columns": dict(self.columns)}

    @staticmethod
    def from_json(recorded: Any) -> Records | None:
        """What a manifest recorded.

        Parameters
        ----------
        recorded
            What was written there; None for nothing.

        Returns
        -------
        Records or None

        Raises
        ------
        ValueError
            Where it is damaged.
        """
        if recorded is None:
            return None
        sound = isinstance(recorded, dict) and set(recorded) == {"modality", "columns"}
        columns = recorded["columns"] if sound else None
        if not sound or not isinstance(columns, dict) or not isinstance(recorded["modality"], str):
            raise ValueError(f"data_options are damaged: records cannot be {recorded!r}")
        return Records(modality=recorded["modality"], columns=columns)
