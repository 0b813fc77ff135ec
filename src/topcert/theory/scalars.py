"""Numbers, text and switches as they were meant: whole numbers of any integer type, real ones, and
a clear word where a value is none of them.
"""

from __future__ import annotations

import numbers
import operator
from typing import Any, Final

LONGEST: Final = 80  # characters of a value in an error


def whole_number(value: Any, name: str) -> int:
    """An integer of Python or NumPy as an int. Raises ValueError, naming it, for all else: 50.0 and
    True too.
    """
    if not isinstance(value, bool):
        try:
            return operator.index(value)
        except TypeError:
            pass
    meant = f"; write {int(value)}" if isinstance(value, float) and value.is_integer() else ""
    raise ValueError(f"{name} must be a whole number (an int), got {shown(value)}{meant}")


def real(value: Any, name: str) -> float:
    """A number as a float. Raises ValueError, naming it, for what is none: text, None, True."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"{name} must be a number, got {shown(value)}{_unquoted(value)}")
    return float(value)


def text(value: Any, name: str, *, such_as: str) -> str:
    """A text as it is. Raises ValueError, naming it, for all else."""
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text such as {such_as!r}, got {shown(value)}")
    return value


def switch(value: Any, name: str) -> bool:
    """True or False, of Python or NumPy. Raises ValueError, naming it, for all else."""
    if not isinstance(value, bool) and type(value).__name__ not in ("bool", "bool_"):
        raise ValueError(f"{name} must be True or False, got {shown(value)}")
    return bool(value)


def kind_in_words(value: object) -> str:
    """What a value is: "an int", "a list"."""
    return article(type(value).__name__)


def article(kind: str) -> str:
    """A name with "a" or "an" before it."""
    return f"{'an' if kind[:1].lower() in 'aeio' or kind.startswith('nd') else 'a'} {kind}"


def shown(value: object) -> str:
    """A value in an error: as Python writes it, or what it is where that is no short line."""
    written = repr(value)
    return written if len(written) <= LONGEST and "\n" not in written else kind_in_words(value)


def _unquoted(value: Any) -> str:
    """The fix for a number in quotes."""
    try:
        return f"; write {value}" if isinstance(value, str) and float(value) == float(value) else ""
    except ValueError:
        return ""
