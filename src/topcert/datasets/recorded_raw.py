"""What the certified arrays of a record were made of, as the record itself says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from topcert.datasets.imagenet import CUT
from topcert.modalities.modality import Modality
from topcert.modalities.raw_input import RawInput


def recorded_raw(modality: Modality, *, data: str, options: Mapping[str, Any]) -> RawInput | None:
    """What an attacker of the raw input can do; None where the arrays are the inputs themselves.

    `data` and `options` say where the data was and how it was read, as a manifest does.
    """
    return modality.raw(data, CUT if data == "imagenet" else options)
