"""`compact`: its look at neighbourhoods is normalized convolution of the kept pixels, and of
nothing else.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from topcert.models.compact import BOXES, Compact, LocalMeans
from topcert.models.cost import multiply_adds, num_parameters
from topcert.training.export import export_onnx
from topcert.training.noise import ablate

torch.set_num_threads(1)


def blur(plane: NDArray[np.float64], box: int) -> NDArray[np.float64]:
    """Mean over a square of `box` cells a side, zeros outside; one cell at a time."""
    reach = box // 2
    padded = np.pad(plane, reach)
    return np.array(
        [
            [
                padded[row : row + box, column : column + box].sum() / box**2
                for column in range(plane.shape[1])
            ]
            for row in range(plane.shape[0])
        ]
    )


def test_local_means_are_what_a_loop_over_cells_gives() -> None:
    generator = np.random.default_rng(0)
    kept = (generator.random((16, 16)) < 0.15).astype(np.float64)
    image = generator.random((3, 16, 16))
    cells = [(plane * kept).reshape(8, 2, 8, 2).mean((1, 3)) for plane in image]
    density = kept.reshape(8, 2, 8, 2).mean((1, 3))
    wanted = []
    for box in BOXES:
        cells, density = [blur(plane, box) for plane in cells], blur(density, box)
        wanted += [plane / (density + 1e-4) for plane in cells] + [density]
    shown = torch.from_numpy((image * kept)[None]).float()
    found = LocalMeans(8)(shown, torch.from_numpy(kept[None, None]).float())
    assert found.shape == (1, 4 * len(BOXES), 8, 8)
    np.testing.assert_allclose(found[0].numpy(), wanted, atol=1e-5)
    assert found[:, :3].max() <= 1


def test_hidden_pixels_have_no_say() -> None:
    network = Compact().eval()
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 3, 32, 32), generator=generator, dtype=torch.uint8)
    kept = torch.tensor([[5, 77, 500, 1023]] * 2)
    other = 255 - images
    other.view(2, 3, -1).scatter_(
        2,
        kept[:, None].expand(-1, 3, -1),
        images.view(2, 3, -1).gather(2, kept[:, None].expand(-1, 3, -1)),
    )
    with torch.inference_mode():
        assert torch.equal(network(ablate(images, kept)), network(ablate(other, kept)))


def test_exported_it_scores_as_before_on_sparse_and_on_empty_images(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Compact().eval()
    export_onnx(network, tmp_path / "compact.onnx", input_shape=(6, 32, 32), metadata={})
    images = torch.randint(0, 256, (3, 3, 32, 32), dtype=torch.uint8)
    kept = torch.argsort(torch.rand(3, 1024), dim=1)[:, :50]
    shown = ablate(images, kept)
    shown[2] = 0  # nothing kept at all
    session = onnxruntime.InferenceSession(tmp_path / "compact.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: shown.contiguous().numpy()})
    with torch.inference_mode():
        np.testing.assert_allclose(found, network(shown).numpy(), atol=1e-4)
    assert np.isfinite(found).all()


def test_its_size_is_what_its_page_says() -> None:
    assert 20.5e6 < multiply_adds(Compact(), (6, 32, 32)) < 21e6
    assert 0.75e6 < num_parameters(Compact()) < 0.85e6
