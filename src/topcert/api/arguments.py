"""Arguments of Python as they were meant; each checker names the value and the fix."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from topcert.noise.law import Noise
from topcert.theory.scalars import article, shown


def check_object(value: object, kind: type, name: str, *, such_as: str) -> None:
    """Raise ValueError, naming the argument and a right one, for no object of that class.

    Examples
    --------
    >>> check_object(5, str, "reading", such_as="'a text'")
    Traceback (most recent call last):
    ValueError: reading must be a str, such as 'a text', got 5
    """
    if not isinstance(value, kind):
        raise ValueError(
            f"{name} must be {article(kind.__name__)}, such as {such_as}, got {shown(value)}"
        )


def check_noise(noise: object) -> None:
    """Raise ValueError for no law of noise."""
    if not isinstance(noise, Noise):
        raise ValueError(
            f"noise must be a topcert.Ablation, Gaussian or Discrete, got {shown(noise)}; such as"
            " topcert.Ablation(num_kept=50)"
        )


def listed(value: Any, name: str, *, such_as: str) -> list[Any]:
    """The parts of a list, a tuple or an array.

    Raises ValueError, naming it, for what has none: one thing alone, a text, a mapping.
    """
    single = isinstance(value, (str, bytes, dict)) or not isinstance(value, Iterable)
    if single or getattr(value, "ndim", 1) == 0:
        raise ValueError(f"{name} must be a list, such as {such_as}, got {shown(value)}")
    return list(value)
