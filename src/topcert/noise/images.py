"""What the laws of noise that is added to images ask of inputs."""

from __future__ import annotations

from topcert.noise.form import Form


def check_images(noise: str, form: Form) -> None:
    """Raise ValueError where inputs are no images in [0, 1]."""
    if form.kind != "image":
        raise ValueError(f"the noise {noise} is for images in [0, 1], and {form.name} holds none")
    if form.value_range is not None:
        raise ValueError(
            f"a range of values belongs to the noise ablation: {noise} noise is for images in"
            " [0, 1]; leave it out"
        )
