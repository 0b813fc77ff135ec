"""What a kind of input is: its features, how hidden ones are shown, how such data is read, and what
an attacker changes.

A kind of input is a final subclass of `Modality` in a file of its own, whose `MODALITY` is one
instance of it.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, final

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.array_values import as_floats, check_numbers
from topcert.modalities.ragged import Ragged
from topcert.theory.attacker import MOVES, REWRITE, Attacker

if TYPE_CHECKING:
    from topcert.modalities.encodings.encoding import Encoding
    from topcert.modalities.raw_input import RawInput


@final
@dataclass(frozen=True, kw_only=True)
class Unit:
    """What one feature is called: `name` as manifests record it, and of several of them.

    Examples
    --------
    >>> Unit(name="pixel").plural, Unit(name="entry", several="entries").plural
    ('pixels', 'entries')
    """

    name: str
    several: str | None = None

    @property
    def plural(self) -> str:
        """The word for several; `name` with an s unless another is given."""
        return self.several or f"{self.name}s"


@final
@dataclass(frozen=True, kw_only=True)
class Inputs:
    """What an array holds: float32 or float64 `(inputs, ...)`, images channels last; `moved` where
    they came first. Inputs of several lengths are `Ragged`.
    """

    modality: Modality
    x: NDArray[np.floating] | Ragged
    moved: bool = False

    @property
    def kind(self) -> str:
        """The name of the kind of input."""
        return self.modality.name


class Modality(ABC):
    """A kind of input.

    An input is an array of `axes` axes. It is cut into features, each of `width` values: planes
    `(width, num_features)`. A mask keeps some features, and an encoding shows the others.

    Examples
    --------
    >>> from topcert.modalities.registered_modalities import modality_of
    >>> found = modality_of((32, 32, 3), "pixel")
    >>> found.name, found.split((32, 32, 3), "pixel"), found.encoding.name
    ('image', (3, 1024), 'six-channel')
    >>> found.attack_in_words("pixel")
    'rewrites up to r of its pixels'
    """

    name: ClassVar[str]  # such as "image"
    called: ClassVar[str]  # several of them, as in "x holds images"
    noun: ClassVar[str]  # the same beside a unit, as in "images have pixels"
    axes: ClassVar[int]  # of one input
    axes_in_words: ClassVar[str]  # of an array of inputs, such as "(inputs, features)"
    units: ClassVar[tuple[Unit, ...]]  # the usual one first
    encodings: ClassVar[tuple[Encoding, ...]]  # the usual one first
    # whether arrays with so many axes hold such inputs where nobody names a unit
    usual: ClassVar[bool] = False
    # whether values lie in a range, [0, 1] or one that a person names, to which bytes are scaled
    ranged: ClassVar[bool] = False
    # whether a classifier is shown the kept features alone, so that masks keep equally many
    kept_alone: ClassVar[bool] = False
    # what else a person may ask about, under the same conditions
    more_changes: ClassVar[tuple[str, ...]] = ()
    # whether inputs of one run may have different numbers of features, along their first axis; only
    # where `kept_alone`, and encoders do not ask how many there are
    any_length: ClassVar[bool] = False
    # the ends of names of files that `read_file` reads, such as ".wav"
    suffixes: ClassVar[tuple[str, ...]] = ()
    # what columns of a file of records are for, such as "text"; a person may name each
    record_columns: ClassVar[tuple[str, ...]] = ()
    # what an attacker may do to features unless a person says otherwise: "rewrite", "insert",
    # "delete"; more than "rewrite" only where `kept_alone`, in their order and without places
    changes: ClassVar[tuple[str, ...]] = (REWRITE,)

    @property
    def unit(self) -> str:
        """The usual unit."""
        return self.units[0].name

    @property
    def encoding(self) -> Encoding:
        """The usual encoding."""
        return self.encodings[0]

    @property
    def attacker(self) -> Attacker:
        """Who has all `changes`. Raises ValueError where these are none."""
        return Attacker(moves=self.changes)

    @property
    def moves(self) -> tuple[str, ...]:
        """What a certificate may be asked about: `changes` and `more_changes`."""
        return tuple(move for move in MOVES if move in (*self.changes, *self.more_changes))

    def has_unit(self, unit: str) -> bool:
        """Whether features may be called so."""
        return any(one.name == unit for one in self.units)

    def plural(self, unit: str) -> str:
        """The word for several features of that unit."""
        return next(one.plural for one in self.units if one.name == unit)

    def find_encoding(self, name: str) -> Encoding | None:
        """The encoding of that name, or None where such inputs have none."""
        return next((one for one in self.encodings if one.name == name), None)

    @abstractmethod
    def split(self, shape: tuple[int, ...], unit: str) -> tuple[int, int]:
        """`(width, num_features)` of an input of that shape, `axes` axes, in units of its own."""

    @abstractmethod
    def planes(self, x: NDArray[np.floating], unit: str) -> NDArray[np.floating]:
        """One input as `(width, num_features)`, contiguous, of the same dtype."""

    def layout(self, shape: tuple[int, ...], copies: int) -> tuple[int, ...]:
        """The shape in which a classifier is shown planes, each of them `copies` times.

        `(copies * width, num_features)` is reshaped to it; without a better one features lie side
        by side.
        """
        return (copies * shape[0], *shape[1:])

    def grid(self, shape: tuple[int, ...], unit: str) -> tuple[int, int] | None:
        """Rows and columns of a grid that the features lie in, row by row; None without one."""
        return None

    def doubt(self, x: NDArray[Any], what: str, *, named: bool, labelled: bool) -> str | None:
        """Why it is in doubt that an array holds such inputs, with the fix; else None.

        Asked of a `usual` kind alone, where nobody named a unit of it. `what` names the array,
        `named` says that a unit of another kind was named, `labelled` that each input has a label.
        """
        return None

    def read(
        self,
        x: NDArray[Any],
        what: str,
        *,
        channels: str | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> Inputs:
        """The inputs of an array `(inputs, ...)` of finite numbers, which `what` names in errors.

        Raises ValueError, naming the fix, where they are none; and where one of the options is
        given that is for images.
        """
        for option, given in (
            ("--range (value_range=)", None if self.ranged else value_range),
            ("--channels (channels=)", channels),
        ):
            if given is not None:
                raise ValueError(
                    f"{option} is for images, and {what} holds {self.called}; leave it out"
                )
        return Inputs(modality=self, x=self.values(x, what, value_range=value_range))

    def values(
        self, x: NDArray[Any], what: str, *, value_range: tuple[float, float] | None = None
    ) -> NDArray[np.floating]:
        """Values as a classifier is shown them; bytes are scaled. Raises ValueError as `read`."""
        return as_floats(x, what)

    def read_ragged(self, x: Ragged, what: str) -> Inputs:
        """The same of inputs of several lengths. Raises ValueError where these may not be, too."""
        if not self.any_length:
            raise ValueError(
                f"{what} holds inputs of different sizes ({min(map(len, x.items))} to"
                f" {x.shape[1]} values), and of {self.called} all have the shape of all others: pad"
                " or cut them"
            )
        for place, item in enumerate(x.items):
            check_numbers(item, f"input {place} of {what}")
        items = [
            self.values(item, f"input {place} of {what}") for place, item in enumerate(x.items)
        ]
        return Inputs(modality=self, x=Ragged(items))

    def from_channels_first(self, x: NDArray[Any]) -> NDArray[Any]:
        """An input, or an array of inputs, that came with channels first, as they are stored."""
        return x

    def read_file(self, path: Path) -> Mapping[str, NDArray[Any]]:
        """The arrays of a file whose name ends in one of `suffixes`, as an .npz has them.

        That is `x`, and perhaps `y`, `class_names` and `x_train`. Whatever it raises is said in one
        line, behind the name of the file.
        """
        raise ValueError(f"{path}: {self.noun} are read from arrays and .npz files alone")

    def read_records(self, path: Path, columns: Mapping[str, str]) -> Mapping[str, Any]:
        """The arrays of a file of records, or of a folder, as an .npz has them; and perhaps
        `input_names`.

        `columns` are the names that a person gave of some of `record_columns`. Whatever it raises
        is said in one line.
        """
        raise ValueError(f"{path}: {self.noun} are read from no records")

    def raw(self, data: str, options: Mapping[str, Any]) -> RawInput | None:
        """What the certified arrays were made of, where that is something else; or None.

        `data` and `options` are what a manifest says of where the data was and how it was read.
        """
        return None

    def made_in_words(self, options: Mapping[str, Any]) -> str:
        """What was done to an input of a folder before it became the certified array, as its
        manifest says; empty where nothing was.
        """
        return ""

    def array_in_words(self, shape: tuple[int, ...]) -> str:
        """The certified array, in words; that of the longest input, where they differ."""
        if self.any_length:
            values = " x ".join(("values", *map(str, shape[1:])))
            return f"array of up to {shape[0]} {values}"
        if len(shape) == 1:
            return f"array of {shape[0]} values"
        return f"{' x '.join(map(str, shape))} array"

    def attack_in_words(self, unit: str) -> str:
        """What an attacker does within radius r: the end of "however an attacker"."""
        return self.attacker.in_words(self.plural(unit))
