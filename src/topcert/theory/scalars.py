"""Numbers as they were meant: whole ones of any integer type, real ones, and a clear word where
they are neither.
"""

from __future__ import annotations

import numbers
import operator
from typing import Any


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
    raise ValueError(f"{name} must be a whole number (an int), got {value!r}{meant}")


def real(value: Any, name: str) -> float:
    """A number as a float. Raises ValueError, naming it, for what is none: text, None, True."""
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise ValueError(f"{name} must be a number, got {value!r}")
    return float(value)
