"""Certificates of a run: one row an input, label and k."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal, final, get_args

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from topcert.files import first_line, local, replacing
from topcert.theory.attacker import REWRITES, Attacker
from topcert.theory.certified_radius import ABSTAIN

LabelChoice = Literal["given", "predicted", "selected"]
LABEL_CHOICES: Final = get_args(LabelChoice)

COLUMNS: Final = ("index", "label", "k", "radius", "unit", "method", "alpha", "label_choice")
NAME_COLUMN: Final = "name"  # after index, where inputs have names
CLASS_COLUMN: Final = "class"  # after label, where classes have names
_TYPES: Final = {
    **dict.fromkeys(("index", "label", "k", "radius", "num_named", "votes"), pa.int64()),
    **dict.fromkeys(
        ("unit", "method", "label_choice", "bounds", "moves", "name", "class"), pa.string()
    ),
    **dict.fromkeys(("alpha", "l2_radius"), pa.float64()),
    "settled": pa.bool_(),
}
BOUNDS_COLUMN: Final = "bounds"  # after the others, where they are not the method's own
NAMED_COLUMN: Final = "num_named"  # then, where each vote names more than one label
MOVES_COLUMN: Final = "moves"  # then, where an attacker does more than rewrite
L2_COLUMN: Final = "l2_radius"  # then, where the method has one
VOTES_COLUMN: Final = "votes"  # last, where a stopping rule decided how many
SETTLED_COLUMN: Final = "settled"
L2_SLACK: Final = 1e-9  # relative: by so much the l2 radii of two releases of SciPy may differ


@final
@dataclass(frozen=True, kw_only=True)
class CertificateTable:
    """Label `label[i]` of input `index[i]` stays among the top `k[i]` while at most `radius[i]`
    features are changed.

    The arrays are int64 `(rows,)`, `radius` in `unit`s and `ABSTAIN` where nothing is certified.
    Rows are sorted by input, then k, then (for predicted labels) votes, most voted first. Each
    input's rows hold together with probability at least 1 - alpha over the noise; alpha is 0 where
    nothing is left to chance. `l2_radius` float64 `(rows,)`, NaN where nothing is certified, is
    what the radius was made of in the methods of Gaussian noise. `bounds` names the rule that made
    bounds of counts, None for the method's own. `votes` int64 and `settled` bool `(rows,)` are
    there where a stopping rule decided how many votes an input has: so many, and whether its
    question is answered. `names` and `class_names` say what the input and the label of each row are
    called, where they have names. `num_named` is how many labels each ablated input names: another
    number is another classifier. `attacker` says what `radius` counts: features that are rewritten,
    and perhaps inserted and deleted.
    """

    index: NDArray[np.int64]
    label: NDArray[np.int64]
    k: NDArray[np.int64]
    radius: NDArray[np.int64]
    unit: str
    method: str
    alpha: float
    label_choice: LabelChoice
    l2_radius: NDArray[np.float64] | None = None
    bounds: str | None = None
    num_named: int = 1
    attacker: Attacker = REWRITES
    votes: NDArray[np.int64] | None = None
    settled: NDArray[np.bool_] | None = None
    names: tuple[str, ...] | None = None
    class_names: tuple[str | None, ...] | None = None

    def named(self, names: Mapping[int, str] | None, classes: Sequence[str]) -> CertificateTable:
        """These certificates with the name of each input, by its index, and of each label, as far
        as they have names.
        """
        return replace(
            self,
            names=None if names is None else tuple(names[place] for place in self.index.tolist()),
            class_names=(
                tuple(
                    classes[label] if label < len(classes) else None
                    for label in self.label.tolist()
                )
                if classes
                else None
            ),
        )

    def in_words(self, row: int) -> str:
        """Whose certificate a row is: "input 17 (cats/x.jpg), label 3 (cat)"."""
        name = "" if self.names is None else f" ({self.names[row]})"
        called = None if self.class_names is None else self.class_names[row]
        return (
            f"input {self.index[row]}{name}, label"
            f" {self.label[row]}{'' if called is None else f' ({called})'}"
        )

    def write(self, path: Path, *, metadata: dict[str, str]) -> None:
        """As Parquet, radius null where it abstains; `metadata` goes into the file."""
        rows = len(self.index)
        named = {} if self.names is None else {NAME_COLUMN: pa.array(self.names, pa.string())}
        called = (
            {}
            if self.class_names is None
            else {CLASS_COLUMN: pa.array(self.class_names, pa.string())}
        )
        columns = {
            "index": self.index,
            **named,
            "label": self.label,
            **called,
            "k": self.k,
            "radius": pa.array(self.radius, mask=self.radius == ABSTAIN),
            "unit": pa.repeat(self.unit, rows),
            "method": pa.repeat(self.method, rows),
            "alpha": pa.repeat(self.alpha, rows),
            "label_choice": pa.repeat(self.label_choice, rows),
        }
        if self.bounds is not None:
            columns[BOUNDS_COLUMN] = pa.repeat(self.bounds, rows)
        if self.num_named > 1:
            columns[NAMED_COLUMN] = pa.array([self.num_named] * rows, pa.int64())
        if not self.attacker.rewrites_alone:
            columns[MOVES_COLUMN] = pa.repeat(",".join(self.attacker.moves), rows)
        if self.l2_radius is not None:
            columns[L2_COLUMN] = pa.array(self.l2_radius, mask=np.isnan(self.l2_radius))
        if self.votes is not None and self.settled is not None:
            columns |= {VOTES_COLUMN: self.votes, SETTLED_COLUMN: self.settled}
        with replacing(path) as aside:
            pq.write_table(pa.table(columns).replace_schema_metadata(metadata), aside)

    @staticmethod
    def read(path: Path) -> tuple[CertificateTable, dict[str, str]]:
        """Certificates and metadata. Raises ValueError where the file is missing, damaged or not of
        this form.
        """
        try:
            table = pq.read_table(local(path))
            optional = (
                BOUNDS_COLUMN,
                NAMED_COLUMN,
                MOVES_COLUMN,
                L2_COLUMN,
                VOTES_COLUMN,
                SETTLED_COLUMN,
            )
            more = [name for name in optional if name in table.column_names]
            called = {"index": NAME_COLUMN, "label": CLASS_COLUMN}  # each after what it names
            wanted = [
                column
                for name in (*COLUMNS, *more)
                for column in (name, called.get(name, ""))
                if column == name or column in table.column_names
            ]
            if table.column_names != wanted:
                raise ValueError(f"its columns are {', '.join(table.column_names)}")
            for field in table.schema:
                if field.type != _TYPES[field.name]:
                    raise ValueError(
                        f"its column {field.name} holds {field.type}, not {_TYPES[field.name]}"
                    )
            columns = {name: table.column(name) for name in ("index", "label", "k", "radius")}
            single = [name for name in more if name in (BOUNDS_COLUMN, NAMED_COLUMN, MOVES_COLUMN)]
            shared_columns = ("unit", "method", "alpha", "label_choice", *single)
            shared = {name: set(table.column(name).to_pylist()) for name in shared_columns}
        except FileNotFoundError as error:
            raise ValueError(
                f"{path} is missing: the run is not finished; the whole command with --resume"
                " writes it, or save() of certificates of its votes"
            ) from error
        except (OSError, pa.ArrowException, KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} is damaged ({first_line(error)})") from error
        if any(len(values) != 1 for values in shared.values()):
            raise ValueError(
                f"{path} mixes certificates of several kinds; expected one {', '.join(shared)}"
            )
        radii = columns["radius"]
        if any(columns[name].null_count for name in ("index", "label", "k")):
            raise ValueError(
                f"{path} is damaged: of index, label, k and radius only radius may be null"
            )
        for name, least in (("index", 0), ("label", 0), ("k", 1), ("radius", 0)):
            smallest = pa.compute.min(columns[name]).as_py()
            if smallest is not None and smallest < least:
                hint = "; abstaining is null" if name == "radius" else ""
                raise ValueError(
                    f"{path} holds the {name} {smallest}, which no certificate has{hint}"
                )
        unit, method, alpha, choice = (
            shared[name].pop() for name in ("unit", "method", "alpha", "label_choice")
        )
        if choice not in LABEL_CHOICES or not isinstance(alpha, float) or not 0 <= alpha < 1:
            raise ValueError(
                f"{path} holds label_choice {choice!r} and alpha {alpha!r}, which no"
                " certificate has"
            )
        _check_repeats(
            table, ("index", "k", "label") if choice == "predicted" else ("index", "k"), path
        )
        bounds = shared[BOUNDS_COLUMN].pop() if BOUNDS_COLUMN in shared else None
        if BOUNDS_COLUMN in shared and not isinstance(bounds, str):
            raise ValueError(f"{path} is damaged: {BOUNDS_COLUMN} must be text")
        num_named = shared[NAMED_COLUMN].pop() if NAMED_COLUMN in shared else 1
        if NAMED_COLUMN in shared and (num_named is None or num_named < 2):
            raise ValueError(
                f"{path} is damaged: {NAMED_COLUMN} is {num_named}; it stands only where it is 2 or"
                " more"
            )
        attacker = _read_attacker(shared, path)
        metadata = {
            key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()
        }
        return (
            CertificateTable(
                index=columns["index"].to_numpy().astype(np.int64),
                label=columns["label"].to_numpy().astype(np.int64),
                k=columns["k"].to_numpy().astype(np.int64),
                radius=radii.cast(pa.int64()).fill_null(ABSTAIN).to_numpy(),
                unit=unit,
                method=method,
                alpha=alpha,
                label_choice=choice,
                l2_radius=_read_l2(table),
                bounds=bounds,
                num_named=num_named,
                attacker=attacker,
                votes=_read_whole(table, VOTES_COLUMN, path),
                settled=_read_whole(table, SETTLED_COLUMN, path),
                names=_read_text(table, NAME_COLUMN, path),
                class_names=_read_text(table, CLASS_COLUMN, path),
            ),
            metadata,
        )


def certified_under(path: Path, digest: str) -> bool:
    """Whether certificates lie at `path` that were made under the manifest of that digest, which a
    run does at its end.
    """
    try:
        metadata = pq.read_schema(local(path)).metadata or {}
    except (OSError, pa.ArrowException):
        return False
    return bool(metadata.get(b"manifest") == digest.encode())


def _read_attacker(shared: dict[str, set[Any]], path: Path) -> Attacker:
    """What an attacker may do: rewrite, where the file names nothing else."""
    if MOVES_COLUMN not in shared:
        return REWRITES
    (moves,) = shared[MOVES_COLUMN]
    try:
        found = Attacker(moves=tuple(str(moves).split(",")))
    except ValueError as error:
        raise ValueError(f"{path} is damaged: {error}") from error
    if found.rewrites_alone or ",".join(found.moves) != moves:
        raise ValueError(
            f"{path} is damaged: {MOVES_COLUMN} is {moves!r}; it stands only where an attacker does"
            " more than rewrite"
        )
    return found


def _read_l2(table: pa.Table) -> NDArray[np.float64] | None:
    if L2_COLUMN not in table.column_names:
        return None
    column = table.column(L2_COLUMN)
    return np.asarray(column.fill_null(np.nan).to_numpy())


def _read_whole(table: pa.Table, name: str, path: Path) -> NDArray[Any] | None:
    if name not in table.column_names:
        return None
    column = table.column(name)
    if column.null_count:
        raise ValueError(f"{path} is damaged: {name} must be without nulls")
    return np.asarray(column.to_numpy())


def _read_text(table: pa.Table, name: str, path: Path) -> tuple[str, ...] | None:
    if name not in table.column_names:
        return None
    column = table.column(name)
    if name == NAME_COLUMN and column.null_count:
        raise ValueError(f"{path} is damaged: {name} must be text")
    return tuple(column.to_pylist())


def _check_repeats(table: pa.Table, names: tuple[str, ...], path: Path) -> None:
    """Refuse a certificate that stands there twice: an accuracy would count it twice."""
    rows = np.stack([table.column(name).to_numpy() for name in names], axis=1)
    found, counts = np.unique(rows, axis=0, return_counts=True)
    if counts.max(initial=1) > 1:
        which = ", ".join(
            f"{name} {value}"
            for name, value in zip(names, found[counts.argmax()].tolist(), strict=True)
        )
        raise ValueError(f"{path} holds {counts.max()} certificates of {which}; one is needed")
