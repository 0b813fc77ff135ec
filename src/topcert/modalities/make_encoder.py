"""The encoder of an encoding by name."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from topcert.modalities.encodings.encoding import Encoder, EncoderSpec
from topcert.modalities.input_form import Form
from topcert.modalities.registered_modalities import all_encodings


def make_encoder(
    name: str,
    *,
    shape: tuple[int, ...],
    unit: str,
    batch_size: int,
    fill: NDArray[np.floating] | float | None = None,
    dtype: type[np.floating] | np.dtype[np.floating] = np.float32,
    stride: tuple[int, int] | None = None,
    value_range: tuple[float, float] | None = None,
) -> Encoder:
    """The encoder `name` for inputs of `shape` (as a data set holds them) in batches of
    `batch_size`.

    `fill` is one number, or an input of `shape`, that stands for NULL in `constant`, `sentinel`,
    `mean` and `median`; `mean` and `median` need it given, for it must not depend on the certified
    input. `stride` is that of the rows and of the columns of the lattice where the masks are of
    one; the encoding `lattice` needs it. Values lie in `value_range`, [0, 1] unless given, of which
    the usual fill of `constant` is the middle. Raises ValueError for an unknown name, a fill that
    is missing or not finite, and an encoding that the unit, or the design, does not allow.
    """
    form = Form(shape=shape, unit=unit, dtype=np.dtype(dtype))
    encoding = form.modality.find_encoding(name) or all_encodings().get(name)
    if encoding is None:
        raise ValueError(f"unknown encoding {name!r}; choose one of: {', '.join(all_encodings())}")
    encoding.check(form, stride=stride)
    if encoding.null == "nothing":
        return encoding.make(EncoderSpec(form=form, batch_size=batch_size, stride=stride))
    if fill is None:
        if encoding.null == "statistic":
            raise ValueError(
                f"encoding {name} needs the {name} of training inputs, and this data set brings"
                " none"
            )
        fill = encoding.fill_in(value_range)
    whole = np.broadcast_to(np.asarray(fill, dtype), shape)
    if not np.isfinite(whole).all():
        raise ValueError(f"the fill of encoding {name} must be finite, got {fill}")
    planes = form.planes(whole)
    return encoding.make(EncoderSpec(form=form, batch_size=batch_size, fill=planes, stride=stride))
