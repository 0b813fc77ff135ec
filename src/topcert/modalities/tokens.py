"""Texts, and other sequences of tokens: arrays `(tokens, numbers)`, of any length.

An attacker inserts, deletes and replaces tokens; a classifier is shown the kept ones alone, in
their order. A text is cut into words by `words_of`, each packed into four numbers
(`packed_text.py`); a model of lists of strings is given the kept words of each text, joined by
spaces. Whatever tokens a person numbers himself have one number each.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.array_values import as_floats
from topcert.modalities.encodings.encoding import Encoding
from topcert.modalities.encodings.keep_only import KEEP_ONLY
from topcert.modalities.modality import Modality, Unit
from topcert.modalities.packed_text import pack
from topcert.modalities.ragged import Ragged
from topcert.modalities.raw_input import RawInput
from topcert.modalities.record_files import read_columns
from topcert.modalities.text_folder import read_text_folder
from topcert.theory.attacker import MOVES

_WORD: Final = re.compile(r"\w+")
TEXTS: Final = "texts in memory"  # as manifests call them
TEXT: Final = RawInput(what="a text that is cut into words", part="character", spread=2)


def words_of(text: str) -> list[str]:
    """The words of a text: runs of letters, digits and underscores, with the case folded.

    What a character is does not depend on others. So inserting, deleting or replacing one changes
    two words at most: it can join two, which deletes one and replaces the other, or part one.

    Parameters
    ----------
    text
        Any text.

    Returns
    -------
    list[str]

    Examples
    --------
    >>> words_of("The Straße, it's GREAT!")
    ['the', 'strasse', 'it', 's', 'great']
    """
    return _WORD.findall("".join(map(str.casefold, text)))


@final
class Tokens(Modality):
    """Sequences of tokens. A feature is a token; classifiers are shown the kept ones alone, `(B,
    num_kept, numbers)`.
    """

    name: ClassVar[str] = "tokens"
    called: ClassVar[str] = "texts"
    noun: ClassVar[str] = "texts"
    axes: ClassVar[int] = 2
    axes_in_words: ClassVar[str] = "(inputs, tokens, numbers)"
    units: ClassVar[tuple[Unit, ...]] = (Unit(name="token"),)
    encodings: ClassVar[tuple[Encoding, ...]] = (KEEP_ONLY,)
    kept_alone: ClassVar[bool] = True
    any_length: ClassVar[bool] = True
    changes: ClassVar[tuple[str, ...]] = MOVES
    record_columns: ClassVar[tuple[str, ...]] = ("text", "label")

    def split(self, shape: tuple[int, ...], unit: str) -> tuple[int, int]:
        return shape[1], shape[0]

    def planes(self, x: NDArray[np.floating], unit: str) -> NDArray[np.floating]:
        return np.ascontiguousarray(x.T)

    def values(
        self, x: NDArray[Any], what: str, *, value_range: tuple[float, float] | None = None
    ) -> NDArray[np.floating]:
        whole = x.astype(np.int64) if x.dtype == np.uint8 else x  # bytes are no shades of grey here
        return as_floats(whole, what)

    def read_records(self, path: Path, columns: Mapping[str, str]) -> Mapping[str, Any]:
        if path.is_dir():
            if columns:
                raise ValueError(
                    f"{path} is a folder, and --{next(iter(columns))}-column is for a file of"
                    " records; leave it out"
                )
            texts, labels, names = read_text_folder(path)
            found: dict[str, Any] = {"text": texts, "names": names}
            if labels is not None:
                found["label"] = labels
        else:
            found = dict(read_columns(path, {"text": "text"} | dict(columns)))
        return arrays_of(found["text"], found.get("label")) | (
            {"input_names": found["names"]} if "names" in found else {}
        )

    def array_in_words(self, shape: tuple[int, ...]) -> str:
        return f"sequence of up to {shape[0]} tokens"

    def raw(self, data: str, options: Mapping[str, Any]) -> RawInput | None:
        return TEXT if data == TEXTS or options.get("records") is not None else None


def arrays_of(texts: Sequence[str], labels: Sequence[Any] | None = None) -> dict[str, Any]:
    """Texts and their labels as the arrays of an .npz: `x` a list of `(words, 4)`, and `y`.

    Raises ValueError for a text that is none, and labels that are neither all text nor all whole
    numbers.
    """
    for place, text in enumerate(texts):
        if not isinstance(text, str):
            raise ValueError(f"text {place} is {type(text).__name__}, no text")
    arrays: dict[str, Any] = {"x": Ragged([pack(words_of(text)) for text in texts])}
    if labels is not None:
        _check_labels(labels)
        arrays["y"] = np.asarray(labels)
    return arrays


def _check_labels(labels: Sequence[Any]) -> None:
    kind = str if labels and isinstance(labels[0], str) else int
    for place, label in enumerate(labels):
        if not isinstance(label, kind) or isinstance(label, bool):
            beside = ", and others are text" if kind is str else ""
            raise ValueError(
                f"the label of record {place} is {label!r} ({type(label).__name__}){beside};"
                " labels are all text, or all whole numbers"
            )


TOKENS: Final = Tokens()
MODALITY: Final = TOKENS
