"""Packages that only some need: imported where they are used, and named with their extra where they
are missing.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from topcert.files import first_line


def need(package: str, *, extra: str, doing: str) -> Any:
    """The package, imported.

    Parameters
    ----------
    package
        Its import name, such as `h5py`.
    extra
        The extra of topcert that brings it.
    doing
        What it is needed for, as the message begins.

    Raises
    ------
    ValueError
        Where it is not installed, or does not work here.

    Examples
    --------
    >>> need("math", extra="points", doing="reading ModelNet40").floor(1.5)
    1
    """
    try:
        return import_module(package)
    except ImportError as error:
        missing = isinstance(error, ModuleNotFoundError) and error.name == package
        reason = "" if missing else f", which does not load ({first_line(error)})"
        raise ValueError(
            f"{doing} needs {package}{reason}; install it with: pip install 'topcert[{extra}]'"
        ) from error
