"""A folder that lasts as long as the objects that need it."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path
from typing import final


@final
class TemporaryFolder:
    """A new folder, removed with all that it holds when the last reference to this object goes."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="topcert-"))
        weakref.finalize(self, shutil.rmtree, self.path, ignore_errors=True)
