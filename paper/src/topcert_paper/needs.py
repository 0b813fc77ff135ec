"""What an experiment needs before it begins."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path


def need_torch(network: Path) -> None:
    """Raise ValueError where a network is to be made, and what makes it is not installed."""
    if not network.is_file() and (find_spec("torch") is None or find_spec("onnxscript") is None):
        raise ValueError(
            "training needs PyTorch and the ONNX exporter; install them with: pip install"
            " 'topcert[torch]'"
        )


def need_images(folder: Path | None, option: str, shape: str) -> Path:
    """The folder of ImageNet's validation images. Raises ValueError, naming the option and what
    lies in such a folder, where it is none.
    """
    if folder is None or not folder.is_dir():
        raise ValueError(f"{option} must name a folder of {shape}; got {folder}")
    return folder
