"""What inputs and classes are called, where they have names: files of photographs, folders of
classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, final


@final
@dataclass(frozen=True, kw_only=True)
class Names:
    """`inputs`: the file of each input in turn, None where they have none; `classes`: of labels 0,
    1, ..., where known.
    """

    inputs: tuple[str, ...] | None = None
    classes: tuple[str, ...] = ()

    def of_class(self, label: int) -> str | None:
        return self.classes[label] if label < len(self.classes) else None


NAMELESS: Final = Names()


def given_names(inputs: Sequence[str] | None, classes: Sequence[str]) -> Names:
    """The names that say something: classes that are called by their own numbers have none.

    Names that are no Unicode are written with backslashes.
    """
    every = [] if list(classes) == [str(label) for label in range(len(classes))] else classes
    return Names(
        inputs=None if inputs is None else tuple(map(_written, inputs)),
        classes=tuple(map(_written, every)),
    )


def _written(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode("utf-8")
