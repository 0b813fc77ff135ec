"""What a manifest says of randomized ablation, checked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from topcert.modalities.encodings.encoding import Encoding
from topcert.modalities.input_form import Form
from topcert.modalities.registered_modalities import (
    all_encodings,
    find_encoding,
)
from topcert.noise.law import IID
from topcert.randomization import designs
from topcert.randomization.designs import make_design

FINGERPRINT: Final = re.compile(r"[0-9a-f]{64}")


def check_design(entries: Mapping[str, Any]) -> None:
    """Refuse a design that is none, that had a first sample, or that has other masks."""
    law = entries["law"]
    try:
        kind = designs.kind_of(law)
    except ValueError as error:
        listed = ", ".join((*designs.DESIGNS, *designs.STRIDED))
        raise ValueError(f"law must be {IID} or a design ({listed}), got {law!r}") from error
    if entries["num_selection"]:
        raise ValueError(f"the design {law} does not go with ablation noise or a first sample")
    if kind != law:  # its strides decide how many pixels are kept, and how many masks there may be
        made = make_design(
            law,
            shape=tuple(entries["input_shape"]),
            unit=entries["unit"],
            seed=entries["seed"],
            num_features=entries["num_features"],
            num_kept=entries["num_kept"],
            num_masks=entries["num_samples"],
        )
        made.check_count(entries["num_samples"], "num_samples")


def known_encoding(name: str) -> Encoding:
    """The encoding of that name. Raises ValueError where there is none."""
    found = find_encoding(name)
    if found is None:
        raise ValueError(f"encoding must be one of {', '.join(all_encodings())}, got {name!r}")
    return found


_RECORDED: Final = {"number": "a number", "statistic": "a fingerprint", "nothing": "null"}


def check_encoding(entries: Mapping[str, Any]) -> None:
    """Refuse an encoding that such inputs do not have, and a fill that it does not have."""
    fill, shape = entries["fill"], entries["input_shape"]
    form = Form(shape=tuple(shape), unit=entries["unit"])
    encoding = known_encoding(entries["encoding"])
    if not encoding.shows(form):
        raise ValueError(
            f"encoding {encoding.name} does not go with the unit {form.unit} of {shape} inputs"
        )
    if encoding.by_stride and (entries["law"] == IID or not designs.is_level(entries["law"])):
        raise ValueError(
            f"encoding {encoding.name} does not go with the law {entries['law']}; only with"
            " lattice and lattice:AxB"
        )
    wanted = _RECORDED[encoding.null]
    if _kind_of_fill(fill) != wanted:
        raise ValueError(f"fill is {fill!r}, the encoding {encoding.name} has {wanted}")


def _kind_of_fill(fill: object) -> str:
    if fill is None:
        return "null"
    if isinstance(fill, (int, float)) and not isinstance(fill, bool):
        return "a number" if math.isfinite(fill) else ""
    return "a fingerprint" if FINGERPRINT.fullmatch(str(fill)) else ""
