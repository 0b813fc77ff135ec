"""Votes whose rows and ballots are made on a device: those of the host to the bit, whatever the
encoding, the law and the answers of the module. The device is the CPU, made to take rows.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import topcert
from topcert.classifiers.torch_module import TorchClassifier
from topcert.classifiers.torch_options import TorchOptions
from topcert.modalities.encodings.device_encoder import DeviceEncoder
from topcert.modalities.encodings.six_channel import SixChannel
from topcert.modalities.input_form import Form
from topcert.noise.discrete import Discrete
from topcert.noise.gaussian import Gaussian
from topcert.noise.law import Noise
from topcert.randomization import float_noise
from topcert.randomization.on_device import MaskingOnDevice
from topcert.voting import device_path
from topcert.voting.device_path import DevicePath
from topcert.voting.executors.executor import BlockTask, compute_blocks
from topcert.voting.sampling import batches_per_block
from topcert.voting.voter import Voter, default_batch_size, work_factor

torch.set_num_threads(1)

CLASSES, SIZE, SAMPLES = 5, 8, 18
SHAPES: dict[str, tuple[int, ...]] = {
    "pixel": (5, 6, 3),
    "feature": (5, 6, 1),
    "column": (9,),
    "point": (12, 3),
}


def linear(width: int) -> torch.Tensor:
    return torch.randn(width, CLASSES, generator=torch.Generator().manual_seed(1))


class Scores(nn.Module):
    """Scores that are linear in the row, rounded so that some tie, changed by `change`; it works in
    place.
    """

    def __init__(self, width: int, change: Callable[[torch.Tensor], Any] | None = None) -> None:
        super().__init__()
        self.weights = nn.Parameter(linear(width))
        self.change = change

    def forward(self, rows: torch.Tensor) -> Any:
        rows -= 0.25
        scores = (rows.flatten(1) @ self.weights).mul(0.5).round()
        return scores if self.change is None else self.change(scores)


def some_wrong(scores: torch.Tensor) -> torch.Tensor:
    """NaN, inf, -inf and a negative zero, depending on the row."""
    for place, value in enumerate((torch.nan, torch.inf, -torch.inf)):
        scores[scores[:, place] == place, place] = value
    return torch.where(scores == 0, -scores, scores)


def refuses(scores: torch.Tensor) -> torch.Tensor:
    """Raises where a row of the batch has a high score."""
    if (scores[:, 0] > 1).any():
        raise RuntimeError("a high score")
    return scores


ANSWERS: dict[str, tuple[Callable[[torch.Tensor], Any] | None, tuple[int, ...]]] = {
    "scores": (None, (1, 2, 3)),
    "double": (lambda scores: {"logits": scores.double()}, (1, 2)),
    "half": (lambda scores: (scores.half(),), (1, 2)),
    "bfloat16": (lambda scores: scores.bfloat16(), (2,)),
    "wrong": (some_wrong, (1, 2, 3)),
    "refuses": (refuses, (1, 3)),
    "labels": (lambda scores: scores.argmax(1), (1,)),
    "ranked": (lambda scores: scores.argsort(1)[:, :2], (2,)),
    "arrays": (lambda scores: scores.numpy(), (1,)),
}


@dataclass(frozen=True)
class Case:
    noise: Noise
    unit: str = "pixel"


def ablation(num_kept: int | None, unit: str = "pixel", **given: Any) -> Case:
    return Case(topcert.Ablation(num_kept=num_kept, **given), unit)


CASES = {
    "six-channel": ablation(4, encoding="six-channel"),
    "constant": ablation(4, "feature", encoding="constant"),
    "sentinel": ablation(3, "column", encoding="sentinel"),
    "mean": ablation(4, encoding="mean"),
    "median": ablation(3, "column", encoding="median"),
    "table": ablation(3, "column", encoding="six-channel"),
    "keep-only": ablation(5, "point"),
    "design": ablation(4, design="partitions"),
    "stratified": ablation(4, design="stratified"),
    "lattice": ablation(None, design="lattice:2x3", encoding="lattice"),
    "infill": ablation(4, encoding="infill"),  # copied
    "older gaussian": Case(Gaussian(sigma=0.5).drawn_by(float_noise.ALGORITHM), "feature"),
    "gaussian": Case(Gaussian(sigma=0.5), "feature"),
    "discrete": Case(Discrete(keep_probability=Fraction(1, 2)), "feature"),
}


def make_voter(
    case: Case,
    *,
    dtype: type[np.floating] = np.float32,
    change: Callable[[torch.Tensor], Any] | None = None,
    depth: int = 1,
    options: TorchOptions | None = None,
) -> Voter:
    shape = SHAPES[case.unit]
    generator = np.random.default_rng(3)
    inputs = (generator.integers(0, 256, (3, *shape)) / 255).astype(dtype)
    form = Form(shape=shape, unit=case.unit, dtype=np.dtype(dtype), read_reference=lambda: inputs)
    noise = case.noise.fitted(form, num_samples=SAMPLES)
    randomizer = noise.randomizer(
        form, seed=7, num_samples=SAMPLES, num_votes=SAMPLES, batch_size=SIZE
    )
    example = randomizer.batch(randomizer.prepare(inputs[0]), 0).copy()
    classifier = TorchClassifier(
        Scores(example[0].size, change),
        example=example,
        num_classes=CLASSES,
        depth=depth,
        options=options,
    )
    return Voter(
        read=lambda place: inputs[place],
        randomizer=randomizer,
        classifier=classifier,
        num_inputs=len(inputs),
    )


BATCHES = [(0, 0, 8), (0, 8, 16), (0, 16, 18), (2, 0, 8), (1, 3, 6), (2, 8, 16)]


def cast(voter: Voter, *, on_device: bool) -> tuple[np.ndarray, list[Any]]:
    assert (voter._path is not None) == on_device
    found = list(voter.votes_in_turn(BATCHES))
    assert [len(votes) for votes, _ in found] == [stop - start for _, start, stop in BATCHES]
    return np.concatenate([votes for votes, _ in found]), [undefined for _, undefined in found]


def assert_same_votes(monkeypatch: pytest.MonkeyPatch, case: Case, **how: Any) -> list[Any]:
    here, unanswered_here = cast(make_voter(case, **how), on_device=False)
    monkeypatch.setattr(device_path, "pays", lambda _: True)
    there, unanswered_there = cast(make_voter(case, **how), on_device=True)
    assert here.dtype == there.dtype == np.int64
    np.testing.assert_array_equal(here, there)
    assert unanswered_here == unanswered_there
    assert len(np.unique(here)) > 1
    return unanswered_there


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", CASES)
def test_votes_of_every_encoding_and_law(
    name: str, dtype: type[np.floating], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert_same_votes(monkeypatch, CASES[name], dtype=dtype, depth=2)


@pytest.mark.parametrize(
    ("name", "depth"), [(name, depth) for name, (_, all_) in ANSWERS.items() for depth in all_]
)
def test_votes_of_every_answer(name: str, depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    change = ANSWERS[name][0]
    unanswered = assert_same_votes(monkeypatch, CASES["six-channel"], change=change, depth=depth)
    if name in ("wrong", "refuses"):
        kind = {"wrong": "not_finite", "refuses": "raised"}[name]
        assert 0 < sum(getattr(one, kind) for one in unanswered) < len(BATCHES) * SIZE


@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_votes_in_half_precision(precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = TorchOptions(precision=precision, channels_last=True)
    assert_same_votes(monkeypatch, CASES["six-channel"], options=options, depth=2)


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_run_leaves_the_same_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(0).random((3, 5, 6, 3)).astype(np.float32)
    smoothed = topcert.SmoothedClassifier(
        Scores(180), noise=topcert.Ablation(num_kept=4), num_named=2, batch_size=16
    )

    def run(name: str) -> dict[str, bytes]:
        smoothed.vote(x, [0, 1, 2], num_samples=100, out=tmp_path / name, progress=False)
        return files(tmp_path / name)

    usual = run("host")
    begun = []
    begin = DevicePath.begin
    monkeypatch.setattr(DevicePath, "begin", lambda *a, **k: begun.append(0) or begin(*a, **k))
    monkeypatch.setattr(device_path, "pays", lambda _: True)
    assert run("device") == usual
    assert len(begun) == 3 * -(-100 // 16)  # replays ask by rows of the host


class Words(nn.Module):
    """Scores of whole numbers, which are added without rounding."""

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return rows.flatten(1).remainder(5) @ linear(16).mul(4).round()


def test_votes_of_texts_of_several_lengths(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = ["a b c d e f g", "to be or not to be that is", "one two three four five six"]
    smoothed = topcert.SmoothedClassifier(
        Words(), noise=topcert.Ablation(num_kept=4), unit="token", num_named=2, batch_size=8
    )

    def counts() -> np.ndarray:
        return smoothed.vote(texts, label_choice="predicted", num_samples=40, progress=False).counts

    usual, begun, begin = counts(), [], DevicePath.begin
    monkeypatch.setattr(DevicePath, "begin", lambda *a, **k: begun.append(0) or begin(*a, **k))
    monkeypatch.setattr(device_path, "pays", lambda _: True)
    np.testing.assert_array_equal(counts(), usual)
    assert len(begun) == 15


@dataclass
class Wrong(DeviceEncoder):
    """Right at first, and wrong after so many calls."""

    encoder: DeviceEncoder
    after: int

    def __call__(self, planes: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
        rows = self.encoder(planes, kept)
        self.after -= 1
        if self.after < 0:
            rows *= -3
        return rows


def wrong_after(calls: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = SixChannel.on_device
    monkeypatch.setattr(device_path, "pays", lambda _: True)
    monkeypatch.setattr(
        SixChannel, "on_device", lambda self, device: Wrong(made(self, device), calls)
    )


def test_other_rows_than_those_of_the_host_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong_after(0, monkeypatch)
    with pytest.raises(
        ValueError, match="MaskingOnDevice makes other rows on cpu than on the host"
    ):
        list(make_voter(CASES["six-channel"]).votes_in_turn(BATCHES))


def test_a_replay_finds_what_a_device_made_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong_after(1, monkeypatch)  # after the comparison
    smoothed = topcert.SmoothedClassifier(
        Scores(180), noise=topcert.Ablation(num_kept=4), batch_size=16
    )
    x = np.random.default_rng(0).random((3, 5, 6, 3)).astype(np.float32)
    with pytest.raises(ValueError, match="votes came out otherwise when run again"):
        smoothed.vote(x, [0, 1, 2], num_samples=96, progress=False)


def test_the_next_batch_is_begun_before_one_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In one block and across blocks."""
    monkeypatch.setattr("topcert.voting.voter.AHEAD", 1)
    monkeypatch.setattr(device_path, "pays", lambda _: True)
    voter = make_voter(CASES["six-channel"])
    events: list[str] = []
    begin = TorchClassifier.begin

    def traced(self: TorchClassifier, make_rows: Any, shape: Any) -> Any:
        number = sum(event.startswith("begin") for event in events)
        events.append(f"begin {number}")
        wait = begin(self, make_rows, shape)
        return lambda: events.append(f"wait {number}") or wait()

    monkeypatch.setattr(TorchClassifier, "begin", traced)
    tasks = [
        BlockTask(block=0, batches=((0, 0, 8), (0, 8, 16))),
        BlockTask(block=1, batches=((1, 0, 8), (1, 8, 12))),
    ]
    shown: list[tuple[int, int]] = []
    for found in compute_blocks(voter, tasks, on_votes=lambda *told: shown.append(told)):
        events.append(f"block {found.block}")
        assert len(found.votes) == tasks[found.block].num_votes
        assert found.undefined.asked == len(found.votes)
    assert events == [
        *("begin 0", "begin 1", "wait 0", "begin 2", "wait 1", "block 0"),
        *("begin 3", "wait 2", "wait 3", "block 1"),
    ]
    assert shown == [(8, 0), (8, 0), (8, 1), (4, 1)]


def test_a_device_that_fails_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory of a device runs out where rows are made: no row's fault, so none is asked alone."""
    monkeypatch.setattr(device_path, "pays", lambda _: True)
    voter = make_voter(CASES["six-channel"])
    list(voter.votes_in_turn(BATCHES[:1]))

    def fails(*_: Any) -> Any:
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")

    monkeypatch.setattr(MaskingOnDevice, "batch", fails)
    with pytest.raises(ValueError, match=r"not be run on a batch of shape \(8, 6, 5, 6\).*memory"):
        list(voter.votes_in_turn(BATCHES))


@pytest.mark.parametrize("cells", [6 * 32 * 32, 6 * 224 * 224])
def test_a_gpu_has_larger_batches_and_blocks_of_as_many(cells: int) -> None:
    """Of batches that are begun while a block is written, several are of one block."""
    classifier = make_voter(CASES["six-channel"]).classifier
    sizes, batches = [], []
    for runtime in ("torch 2.13.0, cpu A", "torch 2.13.0, NVIDIA B"):
        classifier.runtime = runtime
        size = default_batch_size(num_samples=10**6, cells_per_input=cells, classifier=classifier)
        sizes.append(size)
        batches.append(
            batches_per_block(
                batch_size=size,
                cells_per_input=cells,
                total_votes=10**6,
                factor=work_factor(classifier),
            )
        )
    assert sizes[1] == pytest.approx(16 * sizes[0], rel=0.3)
    assert batches[1] == pytest.approx(batches[0], rel=0.3)
    assert batches[1] >= 8
