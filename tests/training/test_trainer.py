"""Training under noise: deterministic, resumed without a trace, on masks that no certificate
uses.
"""

from __future__ import annotations

import csv
import errno
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import nn

from topcert.files import replacing
from topcert.modalities.make_encoder import make_encoder
from topcert.modalities.registered_modalities import to_planes
from topcert.randomization import masks
from topcert.training import checkpoint, noise, trainer
from topcert.training.augmentation import ShiftAndMirror, WarpAndTint
from topcert.training.checkpoint import EpochLog, load_weights
from topcert.training.noise import AblationNoise, DiscreteNoise, GaussianNoise, Noise, ablate
from topcert.training.plans import TrainingPlan
from topcert.training.trainer import single_pass_accuracy, train

torch.set_num_threads(1)

PLAN = TrainingPlan(
    noise=AblationNoise(num_kept=20),
    augmentation=ShiftAndMirror(max_shift=1),
    epochs=3,
    batch_size=16,
    learning_rate=0.05,
    seed=5,
)
STEPS = 3  # an epoch: 50 images in batches of 16, the rest left out
TIMES = ("seconds", "data_seconds")

Images = tuple[Any, Any]


def make_images(count: int, seed: int = 0) -> Images:
    """Two classes, bright in the upper or in the lower half."""
    generator = np.random.default_rng(seed)
    labels = generator.integers(0, 2, count)
    images = generator.integers(0, 80, (count, 3, 8, 8), np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, 4 * label : 4 * label + 4] += 150
    return images, labels


def make_network(in_channels: int = 6) -> nn.Module:
    torch.manual_seed(1)
    return nn.Sequential(
        nn.Conv2d(in_channels, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AvgPool2d(4),
        nn.Flatten(),
        nn.Linear(32, 2),
    )


def ignore(*_: Any) -> None:
    pass


def run(
    folder: Path,
    plan: TrainingPlan = PLAN,
    on_step: Callable[[int, int, str], None] = ignore,
    seed: int = 0,
) -> tuple[nn.Module, list[EpochLog]]:
    network = make_network(3 * plan.noise.planes)
    logs = train(
        network,
        make_images(50, seed),
        make_images(30, 9),
        plan=plan,
        folder=folder,
        on_step=on_step,
    )
    return network, logs


def timeless(logs: list[EpochLog]) -> list[dict[str, Any]]:
    return [
        {name: value for name, value in asdict(row).items() if name not in TIMES} for row in logs
    ]


def read_log(folder: Path) -> list[dict[str, str]]:
    with (folder / "log.csv").open(newline="") as file:
        return [
            {name: value for name, value in row.items() if name not in TIMES}
            for row in csv.DictReader(file)
        ]


def assert_same_weights(one: nn.Module, other: nn.Module) -> None:
    expected = one.state_dict()
    for name, tensor in other.state_dict().items():
        assert torch.equal(tensor, expected[name]), name


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, list[EpochLog], Path]:
    """A run that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    return *run(folder), folder


def test_the_same_plan_gives_the_same_weights_and_log(
    tmp_path: Path, whole: tuple[nn.Module, list[EpochLog], Path]
) -> None:
    network, logs = run(tmp_path)
    assert_same_weights(whole[0], network)
    assert timeless(logs) == timeless(whole[1])
    assert read_log(tmp_path) == read_log(whole[2])


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 6},
        {"noise": AblationNoise(num_kept=21)},
        {"num_kept_at_first": 40},
        {"augmentation": ShiftAndMirror(max_shift=0)},
        {"learning_rate": 0.04},
        {"views": 2},
    ],
)
def test_another_plan_gives_other_weights(
    tmp_path: Path, whole: tuple[nn.Module, list[EpochLog], Path], change: dict[str, Any]
) -> None:
    _, logs = run(tmp_path, replace(PLAN, **change))
    assert [row.train_loss for row in logs] != [row.train_loss for row in whole[1]]


def test_the_log_has_a_row_an_epoch_and_every_step_is_told(tmp_path: Path) -> None:
    shown: list[tuple[int, int, str]] = []
    _, logs = run(tmp_path, on_step=lambda *step: shown.append(step))
    assert [row.epoch for row in logs] == [1, 2, 3]
    assert [step[:2] for step in shown] == [(step, 3 * STEPS) for step in range(1, 3 * STEPS + 1)]
    assert shown[-1][2].startswith("epoch 3, loss ")
    rows = read_log(tmp_path)
    assert [row["epoch"] for row in rows] == ["1", "2", "3"]
    assert [float(row["test_accuracy"]) for row in rows] == [row.test_accuracy for row in logs]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint.pt", "log.csv"]


@pytest.mark.parametrize("killed_at", [2, STEPS, STEPS + 2, 2 * STEPS, 3 * STEPS])
def test_killed_in_an_epoch_and_resumed_it_ends_as_if_it_had_not_been(
    tmp_path: Path, whole: tuple[nn.Module, list[EpochLog], Path], killed_at: int
) -> None:
    def kill(step: int, *_: Any) -> None:
        if step == killed_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, on_step=kill)
    assert (tmp_path / "checkpoint.pt").exists() == (killed_at > STEPS)
    steps: list[int] = []
    network, logs = run(tmp_path, on_step=lambda step, *_: steps.append(step))
    assert steps[0] == 1 + (killed_at - 1) // STEPS * STEPS, "it goes on from the last whole epoch"
    assert_same_weights(whole[0], network)
    assert timeless(logs) == timeless(whole[1])
    assert read_log(tmp_path) == read_log(whole[2])


@pytest.mark.parametrize("killed_at", [1, STEPS - 1, STEPS, STEPS + 1, 3 * STEPS - 1])
def test_saved_within_an_epoch_it_goes_on_from_there_as_if_it_had_not_been_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, killed_at: int
) -> None:
    def kill(step: int, *_: Any) -> None:
        if step == killed_at:
            raise KeyboardInterrupt

    def make_forgetful() -> nn.Module:
        return nn.Sequential(nn.Dropout(0.2), make_network())

    plan = replace(PLAN, augmentation=WarpAndTint(), average=0.9, num_kept_at_first=40)
    data = make_images(50), make_images(30, 9)
    wanted = make_forgetful()
    logs = train(wanted, *data, plan=plan, folder=tmp_path / "whole", on_step=ignore)
    monkeypatch.setattr(trainer, "SAVE_SECONDS", 0.0)
    with pytest.raises(KeyboardInterrupt):
        train(make_forgetful(), *data, plan=plan, folder=tmp_path / "cut", on_step=kill)
    torch.manual_seed(123)  # as a process that begins anew
    steps: list[int] = []
    found = make_forgetful()
    shown = train(
        found,
        *data,
        plan=plan,
        folder=tmp_path / "cut",
        on_step=lambda step, *_: steps.append(step),
    )
    # an epoch's end is saved after its test
    assert steps[0] == (killed_at if killed_at % STEPS == 0 else killed_at + 1)
    assert_same_weights(wanted, found)
    assert timeless(shown) == timeless(logs)
    assert all(row.seconds > 0 for row in shown)


def test_only_a_long_epoch_is_saved_within(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved: list[int] = []

    def save(_: Any, __: Any, progress: checkpoint.Progress) -> None:
        saved.append(progress.step)

    monkeypatch.setattr(checkpoint.Checkpoint, "save", save)
    run(tmp_path)
    assert saved == [0, 0, 0]


@pytest.mark.parametrize("drawn", [GaussianNoise(sigma=0.3), DiscreteNoise(keep_probability=0.5)])
def test_other_noises_are_learnt_under_and_resumed_without_a_trace(
    tmp_path: Path, drawn: Noise
) -> None:
    plan = replace(PLAN, noise=drawn, epochs=4)

    def kill(step: int, *_: Any) -> None:
        if step == 2 * STEPS + 1:
            raise KeyboardInterrupt

    network, logs = run(tmp_path / "whole", plan)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", plan, on_step=kill)
    again, shown = run(tmp_path / "cut", plan)
    assert_same_weights(network, again)
    assert timeless(shown) == timeless(logs)
    assert logs[-1].train_loss < logs[0].train_loss
    other = replace(plan, noise=replace(drawn, **{next(iter(asdict(drawn))): 0.25}))
    assert timeless(run(tmp_path / "other", other)[1]) != timeless(logs)


@pytest.mark.parametrize("killed_at", range(1, 7))
def test_killed_before_any_file_is_in_place_it_ends_as_if_it_had_not_been(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: tuple[nn.Module, list[EpochLog], Path],
    killed_at: int,
) -> None:
    written: list[Path] = []

    @contextmanager
    def killed(path: Path) -> Iterator[Path]:
        with replacing(path) as aside:
            yield aside
            written.append(path)
            if len(written) == killed_at:
                raise KeyboardInterrupt

    monkeypatch.setattr(checkpoint, "replacing", killed)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path)
    monkeypatch.undo()
    network, logs = run(tmp_path)
    assert_same_weights(whole[0], network)
    assert timeless(logs) == timeless(whole[1])
    assert read_log(tmp_path) == read_log(whole[2])


def test_a_finished_training_is_not_trained_on(tmp_path: Path) -> None:
    network, logs = run(tmp_path)
    steps: list[int] = []
    again, shown = run(tmp_path, on_step=lambda step, *_: steps.append(step))
    assert steps == []
    assert shown == logs
    assert_same_weights(network, again)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("seed", 6),
        ("noise", AblationNoise(num_kept=10)),
        ("num_kept_at_first", 21),
        ("epochs", 4),
        ("learning_rate", 0.1),
        ("warmup", 0.3),
    ],
)
def test_another_plan_is_refused_on_a_checkpoint_and_harms_nothing(
    tmp_path: Path, name: str, value: Any
) -> None:
    plan = replace(PLAN, epochs=1)
    _, logs = run(tmp_path, plan)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    changed = replace(plan, **{name: value})
    old, new = (re.escape(str(asdict(one)[name])) for one in (plan, changed))
    with pytest.raises(
        ValueError,
        match=rf"checkpoint\.pt was trained with {name} = {old}, not {new}; pass the same value",
    ):
        run(tmp_path, changed)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    assert run(tmp_path, plan)[1] == logs


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", None])
def test_a_damaged_checkpoint_is_named(tmp_path: Path, content: bytes | None) -> None:
    run(tmp_path, replace(PLAN, epochs=1))
    path = tmp_path / "checkpoint.pt"
    path.write_bytes(path.read_bytes()[:2000] if content is None else content)
    with pytest.raises(
        ValueError, match=r"checkpoint\.pt is damaged \(.+\); remove it to start again"
    ):
        run(tmp_path, replace(PLAN, epochs=1))


def test_a_checkpoint_with_one_bit_turned_is_named(tmp_path: Path) -> None:
    plan = replace(PLAN, epochs=1)
    network, _ = run(tmp_path, plan)
    path = tmp_path / "checkpoint.pt"
    content = bytearray(path.read_bytes())
    weights = (
        network.get_parameter("0.weight").detach().contiguous(memory_format=torch.channels_last)
    )
    place = content.index(weights.permute(0, 2, 3, 1).numpy().tobytes())
    content[place + 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(
        ValueError, match=r"checkpoint\.pt is damaged \(the checksum of .+ is wrong\); remove it"
    ):
        run(tmp_path, plan)
    with pytest.raises(
        ValueError, match=r"holds no weights of this network: the checksum of .+ is wrong"
    ):
        load_weights(make_network(), path)


def test_a_full_disk_is_named_and_keeps_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: Any) -> int:
        if "checkpoint" in path.name and (tmp_path / "checkpoint.pt").exists():
            # as a write has it: without a name
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return writes(path, content)

    writes = Path.write_bytes
    whole = run(tmp_path / "whole")[0]
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match=r"No space left on device: '.*checkpoint\.pt'"):
        run(tmp_path)
    monkeypatch.undo()
    steps: list[int] = []
    network, _ = run(tmp_path, on_step=lambda step, *_: steps.append(step))
    assert steps[0] == STEPS + 1
    assert_same_weights(whole, network)


def test_a_folder_that_cannot_be_written_to_is_known_before_the_first_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), str(tmp_path))

    steps: list[int] = []
    monkeypatch.setattr(checkpoint, "TemporaryFile", refuse)
    with pytest.raises(OSError, match="Read-only file system"):
        run(tmp_path, on_step=lambda step, *_: steps.append(step))
    monkeypatch.undo()
    (tmp_path / "checkpoint.pt").mkdir()
    with pytest.raises(ValueError, match=r"checkpoint\.pt is a folder; pass another --out"):
        run(tmp_path, on_step=lambda step, *_: steps.append(step))
    assert steps == []


def test_a_checkpoint_on_other_data_is_refused_and_harms_nothing(tmp_path: Path) -> None:
    run(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(
        ValueError,
        match=r"was trained on other data \(SHA-256 \w{12}, now \w{12}\); pass the same --data-dir",
    ):
        run(tmp_path, seed=1)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_checkpoint_from_other_first_weights_is_refused(tmp_path: Path) -> None:
    run(tmp_path / "first")
    start = tmp_path / "first" / "checkpoint.pt"

    def begin(started_from: Path | None) -> None:
        data = make_images(50), make_images(30, 9)
        network = make_network()
        train(
            network,
            *data,
            plan=PLAN,
            folder=tmp_path / "next",
            started_from=started_from,
            on_step=ignore,
        )

    begin(start)
    begin(start)
    with pytest.raises(
        ValueError,
        match=r"began with other weights \(SHA-256 \w{12}, now none\); pass the same --start-from",
    ):
        begin(None)


def test_a_checkpoint_that_does_not_tell_its_data_is_gone_on_from(tmp_path: Path) -> None:
    _, logs = run(tmp_path)
    path = tmp_path / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    torch.save(
        {name: value for name, value in state.items() if name not in ("data", "started_from")}, path
    )
    assert run(tmp_path)[1] == logs


def test_a_checkpoint_of_another_network_is_named(tmp_path: Path) -> None:
    run(tmp_path)
    other = nn.Sequential(nn.Flatten(), nn.Linear(384, 2))
    with pytest.raises(
        ValueError,
        match=r"checkpoint\.pt is a checkpoint of another network; name the one it is of",
    ):
        train(
            other, make_images(50), make_images(30, 9), plan=PLAN, folder=tmp_path, on_step=ignore
        )


def test_a_file_that_is_no_checkpoint_of_ours_is_named(tmp_path: Path) -> None:
    torch.save({"weights": torch.zeros(2)}, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match=r"checkpoint\.pt is damaged"):
        run(tmp_path)


def test_a_batch_larger_than_the_data_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="batch size 64 is larger than the 50 training inputs; lower it"
    ):
        run(tmp_path, replace(PLAN, batch_size=64))


def test_a_loss_that_is_not_finite_stops_with_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match=r"the loss is not finite in epoch \d; lower --learning-rate"
    ):
        run(tmp_path, replace(PLAN, learning_rate=1e30))
    assert not (tmp_path / "checkpoint.pt").exists()


def test_it_learns_what_can_be_learnt(tmp_path: Path) -> None:
    _, logs = run(tmp_path, replace(PLAN, epochs=8, augmentation=ShiftAndMirror(max_shift=0)))
    assert logs[-1].test_accuracy >= 0.9
    assert logs[-1].train_loss < logs[0].train_loss


def test_every_image_of_every_epoch_has_a_mask_of_its_own_that_no_certificate_uses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[dict[str, int]] = []

    def draw(**asked: int) -> Any:
        drawn.append(asked)
        return masks.draw_masks(**asked)

    monkeypatch.setattr(noise, "draw_masks", draw)
    run(tmp_path)
    assert {asked["domain"] for asked in drawn} == {masks.TRAIN} != {masks.CERTIFY}
    numbers = [number for asked in drawn for number in range(asked["start"], asked["stop"])]
    training = [number for number in numbers if number < 2**40]
    assert len(training) == len(set(training)) == 3 * STEPS * PLAN.batch_size
    assert sorted({number for number in numbers if number >= 2**40}) == list(
        range(2**40, 2**40 + 30)
    )


def test_every_batch_of_every_epoch_has_noise_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int, int]] = []
    shows = GaussianNoise.show

    def show(self: GaussianNoise, images: torch.Tensor, *, seed: int, first: int) -> torch.Tensor:
        seen.append((seed, first, len(images)))
        return shows(self, images, seed=seed, first=first)

    monkeypatch.setattr(GaussianNoise, "show", show)
    run(tmp_path, replace(PLAN, noise=GaussianNoise(sigma=0.5)))
    assert {seed for seed, _, _ in seen} == {PLAN.seed}
    training = [first for _, first, size in seen if size == PLAN.batch_size]
    assert sorted(training) == [
        50 * epoch + PLAN.batch_size * step for epoch in range(3) for step in range(STEPS)
    ]
    assert {first for _, first, size in seen if size != PLAN.batch_size} == {2**40}


@dataclass(frozen=True)
class Watched:
    """Leaves images as they are, and remembers them."""

    batches: ClassVar[list[bytes]] = []

    def __call__(self, batch: torch.Tensor, _: np.random.Generator) -> torch.Tensor:
        self.batches.append(batch.numpy().tobytes())
        return batch


def test_every_epoch_has_an_order_of_its_own(tmp_path: Path) -> None:
    batches = Watched.batches
    batches.clear()
    run(tmp_path, replace(PLAN, augmentation=Watched()))
    assert len(batches) == 3 * STEPS
    assert len({batches[0], batches[STEPS], batches[2 * STEPS]}) == 3


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_encoded_in_training_as_they_are_in_certificates(channels: int) -> None:
    generator = np.random.default_rng(2)
    images = generator.integers(0, 256, (4, channels, 16, 16), np.uint8)
    images[0, 0] = np.arange(256).reshape(16, 16)
    kept = masks.draw_masks(seed=1, start=0, stop=4, num_features=256, num_kept=90)
    found = ablate(torch.from_numpy(images), torch.from_numpy(kept.astype(np.int64)))
    assert found.dtype == torch.float32
    assert found.shape == (4, 2 * channels, 16, 16)
    encoder = make_encoder("six-channel", shape=(16, 16, channels), unit="pixel", batch_size=1)
    for row in range(4):
        scaled = images[row].transpose(1, 2, 0).astype(np.float32) / np.float32(255)
        wanted = encoder(to_planes(scaled, "pixel"), kept[row : row + 1])
        np.testing.assert_array_equal(found[row].numpy(), wanted[0])


def test_the_accuracy_of_a_single_pass_counts_right_labels_in_evaluation_mode() -> None:
    images, _ = make_images(30)
    network = nn.Sequential(nn.Dropout(0.9), nn.Flatten(), nn.Linear(384, 2)).train()
    with torch.no_grad():
        network[2].weight.zero_()
        network[2].bias.copy_(torch.tensor([0.0, 1.0]))
    labels = np.arange(30) % 3 % 2  # a third of them is 1
    assert single_pass_accuracy(network, images, labels, plan=PLAN, batch_size=7) == 1 / 3
    assert not network.training
