"""What a network that `topcert train` wrote says of the inputs that it was trained on."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from topcert.classifiers.loading import CARRIED, carried_path
from topcert.classifiers.onnx_graph import read_graph

_ENCODINGS: Final = {"lattice": "lattice"}  # by network; those of images see what their noise says


def trained_encoding(model: str) -> str | None:
    """The encoding of masks that a network was trained on, where its file tells.

    A network for pictures of any size takes other encodings too, and makes nothing of them.

    Parameters
    ----------
    model : str
        A carried network or an .onnx file, as a person names it.

    Returns
    -------
    str or None
        A name of `topcert.modalities.registered_modalities.all_encodings`; None for a model of
        another kind, a file that says nothing, and one that cannot be read, which is for
        `load_classifier` to say.

    Examples
    --------
    >>> trained_encoding("lattice-mirrored"), trained_encoding("compact")
    ('lattice', None)
    """
    path = carried_path(model) if model in CARRIED else Path(model)
    if path.suffix != ".onnx":
        return None
    try:
        metadata = read_graph(path).metadata
    except ValueError:
        return None
    return _ENCODINGS.get(metadata.get("network", "")) if "topcert_version" in metadata else None
