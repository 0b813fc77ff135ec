"""The residual family: the published sizes and names, any channels and classes, and the same scores
once exported.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn
from torch.nn import functional

from topcert.models.cost import multiply_adds, num_parameters
from topcert.models.residual import BasicBlock, Bottleneck, ResNet, resnet18, resnet50, resnet110
from topcert.training.export import export_onnx

torch.set_num_threads(1)


def make_tiny(
    block: type[BasicBlock] | type[Bottleneck], *, reduce: bool, in_channels: int = 6
) -> ResNet:
    return ResNet(
        in_channels=in_channels, num_classes=5, block=block, stages=[(8, 2), (12, 1)], reduce=reduce
    )


def without_values(make: Callable[[], nn.Module]) -> nn.Module:
    """The network on the meta device: sizes without numbers, so that the largest costs nothing."""
    with torch.device("meta"):
        return make()


def basic_sizes(
    in_channels: int, size: int, stages: list[tuple[int, int]], num_classes: int
) -> tuple[int, int]:
    """Parameters and multiply-adds of basic blocks with projected shortcuts, counted convolution by
    convolution.
    """
    convolutions = [(in_channels, stages[0][0], 3, size)]
    normalized, channels = stages[0][0], stages[0][0]
    for number, (width, num_blocks) in enumerate(stages):
        size = size if number == 0 else size // 2
        for _ in range(num_blocks):
            convolutions += [(channels, width, 3, size), (width, width, 3, size)]
            normalized += 2 * width
            if channels != width:
                convolutions.append((channels, width, 1, size))
                normalized += width
            channels = width
    weights = sum(before * after * kernel**2 for before, after, kernel, _ in convolutions)
    products = sum(
        before * after * kernel**2 * side**2 for before, after, kernel, side in convolutions
    )
    return (
        weights + 2 * normalized + (channels + 1) * num_classes,
        products + channels * num_classes,
    )


@pytest.mark.parametrize(
    ("make", "stages"),
    [
        (resnet110, [(16, 18), (32, 18), (64, 18)]),
        (resnet18, [(64, 2), (128, 2), (256, 2), (512, 2)]),
    ],
)
@pytest.mark.parametrize(("in_channels", "num_classes"), [(3, 10), (6, 10), (1, 7)])
def test_the_networks_for_small_images_have_the_size_that_a_formula_gives(
    make: Callable[..., ResNet], stages: list[tuple[int, int]], in_channels: int, num_classes: int
) -> None:
    network = without_values(lambda: make(in_channels=in_channels, num_classes=num_classes))
    found = num_parameters(network), multiply_adds(network, (in_channels, 32, 32))
    assert found == basic_sizes(in_channels, 32, stages, num_classes)


@pytest.mark.parametrize(
    ("make", "size", "num_classes", "parameters", "products"),
    [
        # as published with padded shortcuts, and the two projections
        (resnet110, 32, 10, 1_727_962 + 2_752, 253_149_824),
        (resnet18, 32, 10, 11_173_962, 555_422_720),
        (resnet50, 224, 1000, 25_557_032, 4_089_184_256),  # 3.8 G where the stride is in the 1 x 1
    ],
)
def test_three_channels_give_the_published_counts(
    make: Callable[..., ResNet], size: int, num_classes: int, parameters: int, products: int
) -> None:
    network = without_values(lambda: make(in_channels=3, num_classes=num_classes))
    assert num_parameters(network) == parameters
    assert multiply_adds(network, (3, size, size)) == products


@pytest.mark.parametrize(("make", "depth"), [(resnet18, 18), (resnet50, 50), (resnet110, 110)])
def test_the_name_counts_the_layers_outside_shortcuts(
    make: Callable[..., ResNet], depth: int
) -> None:
    network = without_values(lambda: make(in_channels=3, num_classes=10))
    layers = [
        name for name, part in network.named_modules() if isinstance(part, nn.Conv2d | nn.Linear)
    ]
    assert len([name for name in layers if "downsample" not in name]) == depth


@pytest.mark.parametrize(("make", "size"), [(resnet110, 32), (resnet18, 32), (resnet50, 64)])
def test_they_score_any_number_of_channels_and_classes(
    make: Callable[..., ResNet], size: int
) -> None:
    network = make(in_channels=6, num_classes=7).eval()
    with torch.no_grad():
        scores = network(torch.rand(2, 6, size, size))
    assert scores.shape == (2, 7)
    assert torch.isfinite(scores).all()


def test_resnet50_has_the_names_and_shapes_of_a_torchvision_checkpoint() -> None:
    wanted = {"fc.weight": (1000, 2048), "fc.bias": (1000,)}

    def add(conv: str, norm: str, shape: tuple[int, ...]) -> None:
        wanted[f"{conv}.weight"] = shape
        wanted.update(
            {
                f"{norm}.{name}": shape[:1]
                for name in ("weight", "bias", "running_mean", "running_var")
            }
        )
        wanted[f"{norm}.num_batches_tracked"] = ()

    add("conv1", "bn1", (64, 3, 7, 7))
    channels = 64
    for layer, (width, num_blocks) in enumerate([(64, 3), (128, 4), (256, 6), (512, 3)], start=1):
        for index in range(num_blocks):
            block = f"layer{layer}.{index}"
            add(f"{block}.conv1", f"{block}.bn1", (width, channels, 1, 1))
            add(f"{block}.conv2", f"{block}.bn2", (width, width, 3, 3))
            add(f"{block}.conv3", f"{block}.bn3", (4 * width, width, 1, 1))
            if index == 0:
                add(f"{block}.downsample.0", f"{block}.downsample.1", (4 * width, channels, 1, 1))
            channels = 4 * width
    network = without_values(lambda: resnet50(in_channels=3, num_classes=1000))
    assert {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()} == wanted
    assert len(wanted) == 320


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_a_block_adds_to_its_input(block: type[BasicBlock] | type[Bottleneck]) -> None:
    module = block(4 * block.expansion, 4).eval()
    last = module.bn2 if isinstance(module, BasicBlock) else module.bn3
    x = torch.rand(2, 4 * block.expansion, 5, 5)
    with torch.no_grad():
        assert not torch.equal(module(x), x)
        last.weight.zero_()
        torch.testing.assert_close(module(x), x, rtol=0, atol=0)


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
def test_a_strided_block_computes_what_he_et_al_draw(
    block: type[BasicBlock] | type[Bottleneck],
) -> None:
    torch.manual_seed(0)
    module = block(6, 4, stride=2)
    x = torch.randn(4, 6, 8, 8)
    with torch.no_grad():
        module(x)  # running statistics that differ from those of a fresh block
    tensors = module.eval().state_dict()

    def step(x: torch.Tensor, conv: str, norm: str, *, stride: int = 1) -> torch.Tensor:
        weight = tensors[f"{conv}.weight"]
        mean, var, gain, bias = (
            tensors[f"{norm}.{name}"] for name in ("running_mean", "running_var", "weight", "bias")
        )
        x = functional.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
        return functional.batch_norm(x, mean, var, gain, bias)

    if block is BasicBlock:
        wanted = step(step(x, "conv1", "bn1", stride=2).relu(), "conv2", "bn2")
    else:
        wanted = step(
            step(step(x, "conv1", "bn1").relu(), "conv2", "bn2", stride=2).relu(), "conv3", "bn3"
        )
    wanted = (wanted + step(x, "downsample.0", "downsample.1", stride=2)).relu()
    with torch.no_grad():
        torch.testing.assert_close(module(x), wanted)


def test_weights_start_from_the_law_of_the_fan_out() -> None:
    torch.manual_seed(0)
    network = ResNet(in_channels=3, num_classes=2, block=BasicBlock, stages=[(64, 1)], reduce=True)
    found = {
        tuple(part.weight.shape): part.weight.detach().std().item()
        for part in network.modules()
        if isinstance(part, nn.Conv2d)
    }
    assert found == {
        (64, 3, 7, 7): pytest.approx((2 / (64 * 49)) ** 0.5, rel=0.03),
        (64, 64, 3, 3): pytest.approx((2 / (64 * 9)) ** 0.5, rel=0.03),
    }


@pytest.mark.parametrize(("block", "reduce"), [(BasicBlock, False), (Bottleneck, True)])
def test_an_exported_member_gives_the_scores_of_torch(
    block: type[BasicBlock] | type[Bottleneck], reduce: bool, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network = make_tiny(block, reduce=reduce)
    with torch.no_grad():  # running statistics that differ from those of a fresh network
        network(torch.rand(8, 6, 32, 32))
    path = tmp_path / "tiny.onnx"
    export_onnx(network, path, input_shape=(6, 32, 32), metadata={})
    batch = np.random.default_rng(0).random((3, 6, 32, 32)).astype(np.float32)
    with torch.no_grad():
        wanted = network(torch.from_numpy(batch)).numpy()
    (found,) = onnxruntime.InferenceSession(path).run(["scores"], {"ablated": batch})
    assert np.ptp(wanted) > 0.1
    np.testing.assert_allclose(found, wanted, atol=1e-5)


def test_counting_leaves_a_network_as_it_was() -> None:
    network = make_tiny(BasicBlock, reduce=False).train()
    network.bn1.eval()
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    modes = [part.training for part in network.modules()]
    assert multiply_adds(network, (6, 8, 8)) == multiply_adds(network, (6, 8, 8)) > 0
    assert [part.training for part in network.modules()] == modes
    assert not any(part._forward_hooks for part in network.modules())
    for name, tensor in network.state_dict().items():
        assert torch.equal(tensor, before[name]), name


def test_counting_also_leaves_it_so_where_the_shape_does_not_fit() -> None:
    network = make_tiny(BasicBlock, reduce=False).train()
    with pytest.raises(RuntimeError, match="channels"):
        multiply_adds(network, (3, 8, 8))
    assert all(part.training and not part._forward_hooks for part in network.modules())


def test_counts_of_layers_known_by_hand() -> None:
    assert multiply_adds(nn.Linear(7, 5), (7,)) == 35
    assert multiply_adds(nn.Linear(7, 5), (3, 7)) == 105
    assert multiply_adds(nn.Conv1d(4, 6, 3, padding=1), (4, 10)) == 10 * 6 * 4 * 3
    assert (
        multiply_adds(nn.Conv2d(4, 6, 3, stride=2, padding=1, groups=2), (4, 8, 8))
        == 4 * 4 * 6 * 2 * 9
    )
    assert multiply_adds(nn.ReLU(), (3,)) == 0


@pytest.mark.parametrize(("in_channels", "num_classes"), [(0, 10), (3, 0)])
def test_a_network_of_nothing_is_refused(in_channels: int, num_classes: int) -> None:
    with pytest.raises(
        ValueError, match=f"must be at least 1, got {in_channels} and {num_classes}"
    ):
        resnet18(in_channels=in_channels, num_classes=num_classes)


@pytest.mark.parametrize("stages", [[], [(16, 0)], [(0, 1)]])
def test_stages_of_nothing_are_refused(stages: list[tuple[int, int]]) -> None:
    with pytest.raises(ValueError, match="stages must be pairs"):
        ResNet(in_channels=3, num_classes=2, block=BasicBlock, stages=stages, reduce=False)
