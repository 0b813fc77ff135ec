"""The kind of this processor: sums are rounded in the order of its vector units, and a vote in
millions depends on it.
"""

from __future__ import annotations

import platform
from functools import cache

from threadpoolctl import threadpool_info


@cache
def this_cpu() -> str:
    """Ends a `Classifier.runtime`: "cpu" and what NumPy's BLAS takes it for, as in "cpu Haswell",
    or the machine's name.
    """
    libraries = [library for library in threadpool_info() if library.get("architecture")]
    # They come in any order, and SciPy and others bring their own.
    libraries.sort(key=lambda library: ("numpy" not in library["filepath"], library["filepath"]))
    return f"cpu {libraries[0]['architecture'] if libraries else platform.machine()}"
