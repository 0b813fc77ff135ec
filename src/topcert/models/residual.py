"""Residual networks (He et al. 2016), one family: ResNet-110 and ResNet-18 for 32 x 32 images,
ResNet-50 for 224 x 224.

A block whose shape changes projects its shortcut by a 1 x 1 convolution and a normalization (option
B of He et al.) in every member. Parameters are named as in torchvision, so that a checkpoint
published for its `resnet50` loads as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, final

import torch
from torch import nn


@final
class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions; the first takes the stride."""

    expansion: Final = 1

    def __init__(self, in_channels: int, width: int, *, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _make_shortcut(in_channels, width, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        body = self.relu(self.bn1(self.conv1(x)))
        body = self.bn2(self.conv2(body))
        out: torch.Tensor = self.relu(body + self.downsample(x))
        return out


@final
class Bottleneck(nn.Module):
    """A 3 x 3 convolution, which takes the stride, between two 1 x 1 ones; its output is four times
    as wide.
    """

    expansion: Final = 4

    def __init__(self, in_channels: int, width: int, *, stride: int = 1) -> None:
        super().__init__()
        out_channels = self.expansion * width
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _make_shortcut(in_channels, out_channels, stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        body = self.relu(self.bn1(self.conv1(x)))
        body = self.relu(self.bn2(self.conv2(body)))
        body = self.bn3(self.conv3(body))
        out: torch.Tensor = self.relu(body + self.downsample(x))
        return out


@final
class ResNet(nn.Module):
    """Scores `(B, num_classes)` of images `(B, in_channels, H, W)`.

    `stages` holds the width of each stage and its number of blocks; every stage but the first
    halves the image. With `reduce` the stem halves it twice (a strided 7 x 7 convolution and a max
    pool) before the first stage; without, it is one 3 x 3 convolution. Convolutions start from He
    et al.'s (2015) normal law of the fan-out, normalizations from 1 and 0.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        num_classes: int,
        block: type[BasicBlock] | type[Bottleneck],
        stages: Sequence[tuple[int, int]],
        reduce: bool,
    ) -> None:
        super().__init__()
        if min(in_channels, num_classes) < 1:
            raise ValueError(
                f"in_channels and num_classes must be at least 1, got {in_channels} and"
                f" {num_classes}"
            )
        if not stages or min(min(stage) for stage in stages) < 1:
            raise ValueError(
                "stages must be pairs of a width and a number of blocks, each at least 1, got"
                f" {stages}"
            )
        channels = stages[0][0]
        kernel, stride = (7, 2) if reduce else (3, 1)
        self.conv1 = nn.Conv2d(in_channels, channels, kernel, stride, kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1) if reduce else nn.Identity()
        self.stage_names = [f"layer{number}" for number in range(1, len(stages) + 1)]
        for name, (width, num_blocks) in zip(self.stage_names, stages, strict=True):
            stage = nn.Sequential()
            for index in range(num_blocks):
                strided = index == 0 and name != "layer1"
                stage.append(block(channels, width, stride=2 if strided else 1))
                channels = block.expansion * width
            self.add_module(name, stage)
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        for name in self.stage_names:
            x = self.get_submodule(name)(x)
        out: torch.Tensor = self.fc(self.avgpool(x).flatten(1))
        return out


def resnet110(*, in_channels: int, num_classes: int) -> ResNet:
    """ResNet-110 for 32 x 32, as in the code of Cohen et al. 2019; 253 M multiply-adds and 1.7 M
    parameters at 3 channels.

    He et al. pad the shortcut with zeros where it widens (option A); Cohen et al. project it: 2,752
    parameters more.
    """
    stages = [(16, 18), (32, 18), (64, 18)]
    return ResNet(
        in_channels=in_channels,
        num_classes=num_classes,
        block=BasicBlock,
        stages=stages,
        reduce=False,
    )


def resnet18(*, in_channels: int, num_classes: int) -> ResNet:
    """ResNet-18 for 32 x 32, as in the code of Levine & Feizi; 555 M multiply-adds and 11 M
    parameters at 3 channels.
    """
    stages = [(64, 2), (128, 2), (256, 2), (512, 2)]
    return ResNet(
        in_channels=in_channels,
        num_classes=num_classes,
        block=BasicBlock,
        stages=stages,
        reduce=False,
    )


def resnet50(*, in_channels: int, num_classes: int) -> ResNet:
    """ResNet-50 for 224 x 224, as in torchvision; 4.1 G multiply-adds and 26 M parameters at 3
    channels, 1,000 classes.
    """
    stages = [(64, 3), (128, 4), (256, 6), (512, 3)]
    return ResNet(
        in_channels=in_channels,
        num_classes=num_classes,
        block=Bottleneck,
        stages=stages,
        reduce=True,
    )


def _make_shortcut(in_channels: int, out_channels: int, stride: int) -> nn.Sequential:
    """Nothing where the shape stays, else a projection."""
    if stride == 1 and in_channels == out_channels:
        return nn.Sequential()
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
    )
