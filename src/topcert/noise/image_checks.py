"""What the laws of noise that is added to images ask of inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from topcert.modalities.image import IMAGE
from topcert.modalities.input_form import Form


def check_images(noise: str, form: Form) -> None:
    """Raise ValueError where inputs are no images in [0, 1]."""
    if form.modality is not IMAGE:
        raise ValueError(f"the noise {noise} is for images in [0, 1], and {form.name} holds none")
    if form.value_range is not None:
        raise ValueError(
            f"--range belongs to the noise ablation: {noise} noise is for images in [0, 1];"
            " leave it out"
        )


def check_recorded(noise: str, entries: Mapping[str, Any]) -> None:
    """Raise ValueError where a manifest's inputs are no images."""
    if len(entries["input_shape"]) != IMAGE.axes:
        raise ValueError(
            f"{noise} noise is for images, not for inputs of shape {entries['input_shape']}"
        )
