"""A network that was trained, as an object."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

from topcert.data_frames import to_frame

if TYPE_CHECKING:
    from topcert.training.checkpoint import EpochLog


@final
@dataclass(frozen=True, kw_only=True)
class Trained:
    """A network that was trained.

    Attributes
    ----------
    folder
        Where checkpoint.pt, log.csv and the network lie.
    network
        Its name.
    logs
        One row an epoch.
    notes
        What a person should know, a line each.

    Examples
    --------
    >>> from pathlib import Path
    >>> Trained(folder=Path("runs"), network="compact", logs=()).path.name
    'compact.onnx'
    """

    folder: Path
    network: str
    logs: tuple[EpochLog, ...]
    notes: tuple[str, ...] = ()

    @property
    def path(self) -> Path:
        """The network as an .onnx file, which `SmoothedClassifier` takes."""
        return self.folder / f"{self.network}.onnx"

    def to_pandas(self) -> Any:
        """`logs` as a DataFrame. Raises ImportError where there is no pandas."""
        rows = [vars(row) for row in self.logs]
        return to_frame({name: [row[name] for row in rows] for name in (rows[0] if rows else ())})
