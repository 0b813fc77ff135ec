"""PointNet: the published size, any number of points in any order, the identity before training,
the same scores as ONNX.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from torch import nn

from tests.classifiers.networks import example_of
from topcert.classifiers.onnx import OnnxClassifier
from topcert.models.cost import multiply_adds, num_parameters
from topcert.models.pointnet import PointNet, Transform, distance_to_orthogonal
from topcert.training.export import export_onnx

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def network() -> PointNet:
    """In evaluation mode, with numbers as after some training: nothing at its initial value."""
    torch.manual_seed(0)
    made = PointNet(num_classes=5)
    with torch.no_grad():
        for part in made.modules():
            if isinstance(part, nn.BatchNorm1d):
                part.running_mean.uniform_(-0.1, 0.1)  # type: ignore[union-attr]
                part.running_var.uniform_(0.5, 1.5)  # type: ignore[union-attr]
            if isinstance(part, Transform):
                part.matrix.weight.normal_(0, 0.01)
    return made.eval()


def test_it_has_the_published_size() -> None:
    made = PointNet(num_classes=40)
    assert round(num_parameters(made) / 1e6, 1) == 3.5  # Qi et al. 2017, Table 6
    assert round(multiply_adds(made, (1024, 3)) / 1e6, -1) == 440
    shared = sum(
        before * after for before, after in [(3, 64), (64, 64), (64, 64), (64, 128), (128, 1024)]
    )
    turns = sum(width * 64 + 64 * 128 + 128 * 1024 for width in (3, 64))
    heads = 3 * (1024 * 512 + 512 * 256) + 256 * (9 + 64 * 64 + 40)
    assert multiply_adds(made, (16, 3)) == 16 * (shared + turns) + heads


def test_the_order_of_points_does_not_matter(network: PointNet) -> None:
    points = torch.rand(3, 16, 3)
    order = torch.from_numpy(np.random.default_rng(0).permutation(16))
    with torch.no_grad():
        scores = network(points)
        torch.testing.assert_close(network(points[:, order]), scores)
        assert not torch.allclose(network(points[:, order] + 0.1), scores, atol=1e-4)


@pytest.mark.parametrize("count", [1, 2, 16, 300])
def test_it_takes_any_number_of_points_and_repeated_ones_change_nothing(
    network: PointNet, count: int
) -> None:
    points = torch.rand(2, count, 3)
    with torch.no_grad():
        scores = network(points)
        torch.testing.assert_close(network(torch.cat([points, points[:, :1]], dim=1)), scores)
    assert scores.shape == (2, 5)


def test_untrained_transforms_are_the_identity() -> None:
    made = PointNet(num_classes=3)
    turn = made.turn_input(torch.rand(4, 9, 3))
    torch.testing.assert_close(turn, torch.eye(3).expand(4, 3, 3))
    _, transform = made.scores_and_transform(torch.rand(4, 9, 3))
    assert transform.shape == (4, 64, 64)
    assert distance_to_orthogonal(transform).item() == 0


def test_the_distance_to_orthogonal_is_half_the_squared_norm() -> None:
    generator = torch.Generator().manual_seed(0)
    matrices = torch.randn(3, 4, 4, generator=generator)
    wanted = np.mean([np.linalg.norm(np.eye(4) - a @ a.T) ** 2 for a in matrices.numpy()]) / 2
    assert float(distance_to_orthogonal(matrices)) == pytest.approx(wanted, rel=1e-5)
    turns = torch.linalg.qr(matrices).Q
    assert float(distance_to_orthogonal(turns)) == pytest.approx(0, abs=1e-10)


def test_every_parameter_is_trained() -> None:
    made = PointNet(num_classes=3)
    scores, transform = made.scores_and_transform(torch.rand(4, 9, 3))
    (scores.square().sum() + distance_to_orthogonal(transform + 0.1)).backward()
    assert all(parameter.grad is not None for parameter in made.parameters())


def test_the_exported_file_takes_any_batch_and_gives_the_same_scores(
    network: PointNet, tmp_path: Path
) -> None:
    path = tmp_path / "pointnet.onnx"
    export_onnx(network, path, input_shape=(16, 3), metadata={"network": "pointnet"})
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for size in (1, 2, 33):
        points = torch.rand(size, 16, 3)
        (scores,) = session.run(None, {"ablated": points.numpy()})
        with torch.no_grad():
            np.testing.assert_allclose(scores, network(points).numpy(), rtol=1e-4, atol=1e-5)
    classifier = OnnxClassifier(path, example=example_of((16, 3)), device="cpu")
    assert (classifier.num_classes, classifier.batch_size) == (5, None)


def test_no_classes_are_refused() -> None:
    with pytest.raises(ValueError, match="num_classes must be at least 1, got 0"):
        PointNet(num_classes=0)
