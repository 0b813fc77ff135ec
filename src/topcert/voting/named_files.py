"""Names of data and models that are paths, so that they can be found again from elsewhere."""

from __future__ import annotations

from pathlib import Path

from topcert.classifiers.loading import CARRIED
from topcert.datasets.built_in_sets import BUILT_IN


def absolute_if_file(name: str) -> str:
    """A path as an absolute one, so that it can be found again from elsewhere; any other name as it
    is.
    """
    return (
        str(Path(name).resolve())
        if name not in (*BUILT_IN, *CARRIED) and Path(name).exists()
        else name
    )
