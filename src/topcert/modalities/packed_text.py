"""Tokens of text as numbers: each is `WIDTH` numbers that hold its first bytes, so that an array of
tokens says by itself what they are.

A number holds six bytes of UTF-8, the first byte the highest, and has 2^48 added, so that it can be
told from what no text was made of; float64 holds such numbers exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

WIDTH: Final = 4  # numbers a token
_BYTES: Final = 6  # bytes a number
LONGEST: Final = WIDTH * _BYTES  # bytes of a token that count
_MARK: Final = 1 << 48
_WEIGHTS: Final = 256 ** np.arange(_BYTES - 1, -1, -1)
UNKNOWN: Final = "\N{REPLACEMENT CHARACTER}"  # what numbers that hold no token are read as
_UNKNOWN_BYTES: Final = UNKNOWN.encode()


def pack(tokens: Sequence[str]) -> NDArray[np.float64]:
    """Tokens as numbers.

    Parameters
    ----------
    tokens
        Of each, what lies beyond the first 24 bytes of its UTF-8 does not count.

    Returns
    -------
    NDArray
        float64 `(len(tokens), 4)`.

    Examples
    --------
    >>> packed = pack(["to", "be"])
    >>> packed.shape, as_texts(packed[None])
    ((2, 4), ['to be'])
    """
    cut = [token.encode("utf-8", "replace")[:LONGEST] for token in tokens]
    found = np.array(cut, f"S{LONGEST}").reshape(len(cut)).view(np.uint8)
    return np.asarray(
        found.reshape(len(cut), WIDTH, _BYTES).astype(np.int64) @ _WEIGHTS + _MARK, np.float64
    )


def holds_text(values: NDArray[np.floating]) -> bool:
    """Whether all numbers of an array `(..., 4)` are those of tokens."""
    return values.ndim >= 2 and values.shape[-1] == WIDTH and bool(_are_packed(values).all())


def as_texts(batch: NDArray[np.floating]) -> list[str]:
    """The tokens of each row of `(B, tokens, 4)` in order, a space between them.

    It takes any numbers: what holds no token is read as the replacement character.
    """
    packed = _are_packed(batch)
    whole = np.where(packed, batch, _MARK).astype(np.int64) - _MARK
    parts = (whole[..., None] >> (8 * np.arange(_BYTES - 1, -1, -1))) & 0xFF
    # unlike a number of text, one that is none leaves the token unknown
    rows, tokens = batch.shape[:2]
    found = parts.astype(np.uint8).reshape(rows, tokens, LONGEST).view(f"S{LONGEST}")[..., 0]
    found[~packed.all(axis=-1)] = _UNKNOWN_BYTES
    return [b" ".join(row).decode("utf-8", "replace") for row in found.tolist()]


def _are_packed(values: NDArray[np.floating]) -> NDArray[np.bool_]:
    with np.errstate(invalid="ignore"):
        return np.asarray((values >= _MARK) & (values < 2 * _MARK) & (values == np.floor(values)))
