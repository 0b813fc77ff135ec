"""Manifests whose entries contradict one another are refused, whatever digests were made to fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.voting.test_ledger import manifest, write_entries
from topcert.randomization import designs, float_noise, masks
from topcert.voting.contradictions import check_places
from topcert.voting.manifest import Manifest

IMAGE = {"input_shape": (2, 2, 1), "unit": "pixel", "encoding": "six-channel", "fill": None}
NOISE = {**IMAGE, "noise": "gaussian", "num_kept": None, "sigma": 1.0, "encoding": None}


def read(folder: Path, **changes: object) -> Manifest:
    write_entries(folder, **changes)
    made = Manifest.read(folder / "manifest.json")
    assert made == manifest(**changes)
    assert made.to_json() == (folder / "manifest.json").read_text()
    return made


@pytest.mark.parametrize(
    "changes",
    [
        {"algorithm": masks.ALGORITHM},
        {"algorithm": designs.ALGORITHMS["random"], "law": "random"},
        {**NOISE, "algorithm": float_noise.ALGORITHM},
        {**NOISE, "algorithm": "one of another release"},
        IMAGE,
        {**IMAGE, "encoding": "constant", "fill": 0.5},
        {**IMAGE, "encoding": "mean", "fill": "a" * 64},
        {"input_shape": (4, 3), "unit": "point", "encoding": "keep-only", "fill": None},
        {"data_options": {"limit": 3, "stride": 20, "crop": None, "data_dir": "d"}},
        {**IMAGE, "data_options": {"crop": 2}},
        {"threads": 1},
        {"model_fingerprint": ""},
    ],
)
def test_entries_that_go_together_are_read(tmp_path: Path, changes: dict[str, object]) -> None:
    read(tmp_path, **changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"algorithm": float_noise.ALGORITHM}, "does not go with ablation noise under the law iid"),
        (
            {"algorithm": designs.ALGORITHMS["random"]},
            "does not go with ablation noise under the law iid",
        ),
        (
            {"algorithm": masks.ALGORITHM, "law": "random"},
            "does not go with ablation noise under the law random",
        ),
        ({**NOISE, "algorithm": masks.ALGORITHM}, "does not go with gaussian noise"),
        ({**IMAGE, "encoding": "seven-channel"}, "encoding must be one of six-channel"),
        ({**IMAGE, "encoding": "keep-only"}, "encoding keep-only does not go with the unit pixel"),
        ({"encoding": "infill", "fill": None}, "encoding infill does not go with the unit column"),
        ({**IMAGE, "fill": 0.5}, "fill is 0.5, the encoding six-channel has null"),
        (
            {"data_options": {"limit": 3, "comment": "all of them"}},
            "no run writes the entry 'comment'",
        ),
        ({"data_options": {"unlabelled": 1}}, "unlabelled cannot be 1"),
        ({"fill": None}, "fill is None, the encoding sentinel has a number"),
        ({"fill": "a" * 64}, "the encoding sentinel has a number"),
        ({"fill": float("nan")}, "fill is nan, the encoding sentinel has a number"),
        ({**IMAGE, "encoding": "median", "fill": 0.5}, "the encoding median has a fingerprint"),
        ({**NOISE, "fill": 1.0}, "fill is 1.0, which does not go with the noise gaussian"),
        (
            {**NOISE, "input_shape": (4,), "unit": "column"},
            r"gaussian noise is for images, not for inputs of shape \[4\]",
        ),
        ({"num_classes": 1}, "a top k needs at least 2"),
        ({"data_fingerprint": "f"}, "data_fingerprint must be a SHA-256, got 'f'"),
        ({"model_fingerprint": "F" * 64}, "model_fingerprint must be a SHA-256"),
        ({"data_options": {"limit": 2}}, "num_inputs is 3, and data_options has the limit 2"),
        ({"data_options": {"limit": "3"}}, "limit '3', which is no number"),
        ({"data_options": {"stride": 0}}, "stride 0, which is no number"),
        ({"data_options": {"data_dir": 5}}, "data_dir 5, which is no folder"),
        (
            {**IMAGE, "data_options": {"crop": 4}},
            r"input_shape is \[2, 2, 1\], and data_options has the crop 4",
        ),
        (
            {**NOISE, "stopping": "radius=1; k=1; alpha=0.001; label=given; rule=evidence-2"},
            "does not go with gaussian noise under the law iid",
        ),
        (
            {"stopping": "table; k=1; alpha=0.001; label=given; rule=evidence-2", "law": "random"},
            "under the law random",
        ),
        ({"seed": True}, "seed must lie in"),
        ({"torch_options": 8}, r"torch_options must be text, got 8"),
        ({"torch_options": "float32"}, r"torch_options is 'float32', which this release does not"),
        ({"torch_options": "int8"}, r"precision must be one of float32, float16, bfloat16, got"),
        ({"threads": 0}, r"threads must be a whole number in 1 .. 1,024, got 0"),
        ({"threads": True}, r"threads must be a whole number in 1 .. 1,024, got True"),
        ({"threads": 10**9}, r"threads must be a whole number in 1 .. 1,024, got 1000000000"),
        (
            {"input_shape": (True, 4), "num_features": 4, "unit": "feature"},
            "input_shape must be a list of positive numbers",
        ),
    ],
)
def test_entries_that_contradict_one_another_are_refused(
    tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        read(tmp_path, **changes)


def test_inputs_that_a_stride_cannot_give_are_refused() -> None:
    path = Path("manifest.json")
    check_places(path, {"stride": 20}, np.array([0, 20, 60]))
    check_places(path, {"stride": None}, np.array([0, 1]))
    with pytest.raises(
        ValueError, match=r"the stride 20, and inputs\.parquet the inputs 20 and 30"
    ):
        check_places(path, {"stride": 20}, np.array([0, 20, 30]))
