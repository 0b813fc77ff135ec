"""Arguments of Python as they were meant; each checker names the value and the fix."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from topcert.files import path_of
from topcert.noise.law import Noise
from topcert.theory.scalars import article, shown, whole_number
from topcert.theory.scalars import real as real_number


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


def check_fields(
    of: object,
    *,
    whole: Sequence[str] = (),
    real: Sequence[str] = (),
    texts: Sequence[str] = (),
    paths: Sequence[str] = (),
) -> None:
    """Check the fields of a frozen dataclass that are not None: whole numbers become int, and text
    that names a place a path. Raises ValueError, naming the field.
    """
    given = {name: value for name, value in vars(of).items() if value is not None}
    for name in set(whole) & set(given):
        object.__setattr__(of, name, whole_number(given[name], name))
    for name in set(paths) & set(given):
        object.__setattr__(of, name, path_of(given[name], name))
    for name in set(real) & set(given):
        real_number(given[name], name)
    for name in set(texts) & set(given):
        if not isinstance(given[name], str):
            raise ValueError(f"{name} must be a text, got {shown(given[name])}")


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
