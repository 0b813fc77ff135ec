"""Inputs in memory are read as those of files are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from tests.conftest import Outcome
from topcert import Ablation, SmoothedClassifier, open_votes
from topcert.datasets.data_in_memory import ArraysInMemory
from topcert.datasets.from_memory import in_memory
from topcert.datasets.reading import Reading
from topcert.modalities.table import DATA_FRAME, ROW

X = np.random.default_rng(0).random((5, 8, 8, 3)).astype(np.float32)
LABELS = np.array([3, 1, 4, 1, 0])


class Items(torch.utils.data.Dataset[Any]):
    """Images channel first, with labels."""

    def __init__(self, *, moving: bool = False) -> None:
        self.moving, self.asked = moving, 0

    def __len__(self) -> int:
        return len(X)

    def __getitem__(self, position: int) -> tuple[torch.Tensor, int]:
        self.asked += 1
        image = torch.from_numpy(np.moveaxis(X[position], 2, 0).copy())
        return image + self.asked if self.moving else image, int(LABELS[position])


@pytest.mark.parametrize(
    "given",
    [
        (X, LABELS),
        (X.tolist(), LABELS.tolist()),
        (np.moveaxis(X, 3, 1), LABELS),
        (torch.from_numpy(X).requires_grad_(), torch.from_numpy(LABELS)),
        (Items(), None),
        (torch.utils.data.DataLoader(Items(), batch_size=2), None),
    ],
    ids=["array", "lists", "channels first", "tensor", "Dataset", "DataLoader"],
)
def test_every_form_gives_the_same_inputs(given: tuple[Any, Any]) -> None:
    found = in_memory(*given).load(Reading())
    assert found.kind == "image"
    assert found.shape == (8, 8, 3)
    assert np.allclose([found.read(position) for position in range(5)], X)
    assert np.array_equal(found.labels, LABELS)
    assert found.label_range == (0, 4)


def test_part_of_them_is_taken_as_of_a_set() -> None:
    found = in_memory(X, LABELS).load(Reading(stride=2, limit=2))
    assert found.indices.tolist() == [0, 2]
    assert np.array_equal(found.read(1), X[2])


@pytest.mark.parametrize(
    ("given", "spread"), [({"resize": 4, "crop": 4}, None), ({"crop": 4}, 1), ({}, "none")]
)
def test_pictures_say_what_an_attacker_of_the_file_can_do(
    tmp_path: Path, given: dict[str, int], spread: int | str | None
) -> None:
    for name in ("a", "b"):
        Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / f"{name}.png")
    raw = Reading(**given).load(str(tmp_path)).raw  # type: ignore[arg-type]
    assert (raw.spread if raw else "none") == spread
    if raw is not None and spread is None:
        assert raw.radius(5) == 0
        assert "radii say nothing of it" in raw.in_words(unit="pixel")


def test_a_folder_says_what_rows_were_cast_from(
    tmp_path: Path, topcert: Callable[..., Outcome]
) -> None:
    rows = ArraysInMemory(np.eye(3, 12), [0, 1, 2], raw=ROW, name=DATA_FRAME)
    smoothed = SmoothedClassifier(lambda batch: batch[:, :3], noise=Ablation(num_kept=11))
    votes = smoothed.vote(rows, num_samples=100, out=tmp_path / "run", progress=False)
    found = votes.certify(k=1)
    found.save()
    assert open_votes(tmp_path / "run").raw == votes.raw == ROW
    message = (
        "Of a row of a DataFrame, one changed column moves 1 column of the certified array; not"
    )
    assert message in found.promise()
    assert message in " ".join(topcert("evaluate", tmp_path / "run").out.split())


def test_names_are_labels() -> None:
    found = in_memory(X, ["cat", "dog", "cat", "ant", "dog"]).load(Reading())
    assert found.class_names == ("ant", "cat", "dog")
    assert found.labels is not None
    assert found.labels.tolist() == [1, 2, 1, 0, 2]


def test_what_is_in_doubt_is_refused() -> None:
    with pytest.raises(ValueError, match="another each time"):
        in_memory(Items(moving=True)).load(Reading())
    with pytest.raises(ValueError, match="RandomSampler"):
        in_memory(torch.utils.data.DataLoader(Items(), shuffle=True))
    with pytest.raises(ValueError, match="collate_fn of its own"):
        in_memory(torch.utils.data.DataLoader(Items(), collate_fn=lambda items: items))
    with pytest.raises(ValueError, match="--resize is for files"):
        in_memory(X).load(Reading(resize=4))
    with pytest.raises(ValueError, match="labels must be integers or names of shape"):
        in_memory(X, LABELS[:3]).load(Reading())
    with pytest.raises(ValueError, match="x is none"):
        in_memory(X, "label")
