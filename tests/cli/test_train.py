"""`topcert train`: a network, a log and an ONNX file that `certify` takes; stopped and resumed, the
same weights.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from tests.conftest import Outcome
from topcert.classifiers.trained import trained_encoding
from topcert.randomization.designs import Design
from topcert.training.checkpoint import EpochLog
from topcert.training.interval import IntervalNoise
from topcert.training.noise import AblationNoise, DesignNoise, DiscreteNoise, GaussianNoise, Noise
from topcert.training.plans import TrainingPlan

STRATIFIED = Design(name="stratified", seed=3, num_features=1024, num_kept=52, grid=(32, 32))
RUN = ["train", "cifar10", "--epochs", 2, "--batch-size", 8, "--learning-rate", 0.05]


@pytest.fixture
def tiny_cifar(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Thirty-two bright or dark images instead of fifty thousand."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)

    def load(split: str, *, data_dir: Path | None) -> tuple[np.ndarray, np.ndarray]:
        generator = np.random.default_rng(len(split))
        labels = np.arange(32) % 2
        images = generator.integers(0, 100, (32, 32, 32, 3)) + 150 * labels[:, None, None, None]
        return images.astype(np.uint8), labels

    monkeypatch.setattr(importlib.import_module("topcert.training.networks"), "load_cifar10", load)
    yield
    torch.set_num_threads(threads)


def weights(folder: str) -> dict[str, torch.Tensor]:
    """The average of weights, which is what a network is exported and started from with."""
    found: dict[str, torch.Tensor] = torch.load(Path(folder, "checkpoint.pt"), weights_only=True)[
        "averaged"
    ]
    return found


def recorded(monkeypatch: pytest.MonkeyPatch) -> list[TrainingPlan]:
    """Plans that would be trained by from here on."""
    plans: list[TrainingPlan] = []

    def record(network: str, plan: TrainingPlan, *, folder: Path, **_: object) -> list[EpochLog]:
        plans.append(plan)
        folder.mkdir()
        return []

    monkeypatch.setattr(
        importlib.import_module("topcert.training.networks"), "train_on_cifar10", record
    )
    return plans


@pytest.mark.usefixtures("tiny_cifar")
def test_a_trained_network_is_certified_and_started_from(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(*RUN, "--out", "a")
    assert run.code == 0, run.err
    assert len(Path("a/log.csv").read_text().splitlines()) == 3
    np.savez(
        "images.npz",
        x=np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8),
        y=np.zeros(2, int),
    )
    made = topcert(
        "certify",
        "images.npz",
        "a/compact.onnx",
        "--keep",
        50,
        "--samples",
        60,
        "--alpha",
        0.1,
        "--out",
        "o",
    )
    assert made.code == 0, made.err
    assert topcert("verify", "o", "--model", "a/compact.onnx", "--replay", 5).code == 0
    again = topcert(*RUN, "--out", "a")
    assert again.code == 2
    assert "--resume" in again.err
    before = weights("a")
    assert topcert(*RUN, "--out", "a", "--resume").code == 0
    assert all(torch.equal(before[name], value) for name, value in weights("a").items())
    assert topcert(*RUN, "--seed", 1, "--out", "a", "--resume").code == 2
    assert (
        topcert(*RUN, "--start-from", "a/checkpoint.pt", "--learning-rate", 1e-9, "--out", "b").code
        == 0
    )
    name = "head.2.weight"
    # it began where the first run ended
    assert torch.allclose(weights("b")[name], before[name], atol=1e-5)
    assert topcert(*RUN, "--start-from", "absent.pt", "--out", "c").code == 2


@pytest.mark.usefixtures("tiny_cifar")
def test_a_network_trained_under_gaussian_noise_is_certified_by_its_methods(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert(
        *RUN[:2],
        "small",
        "--noise",
        "gaussian",
        "--sigma",
        0.25,
        "--epochs",
        1,
        "--batch-size",
        16,
        "--out",
        "a",
    )
    assert run.code == 0, run.err
    np.savez(
        "images.npz",
        x=np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8),
        y=np.zeros(2, int),
    )
    certify = [
        "certify",
        "images.npz",
        "a/small.onnx",
        "--samples",
        40,
        "--selection",
        10,
        "--alpha",
        0.1,
    ]
    assert topcert(*certify, "--method", "cohen", "--sigma", 0.25, "--out", "o").code == 0
    assert topcert("verify", "o", "--model", "a/small.onnx", "--replay", 5).code == 0
    ablated = topcert(*certify, "--keep", 50, "--out", "p")
    assert ablated.code == 2
    assert "(3, 32, 32)" in ablated.err


@pytest.mark.usefixtures("tiny_cifar")
def test_a_network_trained_on_a_design_is_certified_by_it(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    design = ["--keep", 52, "--design", "stratified", "--seed", 4]
    run = [
        *RUN[:2],
        "small",
        "--epochs",
        1,
        "--batch-size",
        16,
        *design,
        "--masks",
        40,
        "--out",
        "a",
    ]
    assert topcert(*run).code == 0
    assert topcert(*run, "--resume").code == 0
    other = topcert(*run[:-3], 41, "--out", "a", "--resume")
    assert other.code == 2
    assert "was trained with noise" in other.err
    np.savez(
        "images.npz",
        x=np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8),
        y=np.zeros(2, int),
    )
    certify = [
        "certify",
        "images.npz",
        "a/small.onnx",
        "--method",
        "design",
        *design,
        "--samples",
        40,
        "--out",
        "o",
    ]
    assert topcert(*certify).code == 0
    assert topcert("verify", "o", "--model", "a/small.onnx", "--replay", 5).code == 0


@pytest.mark.parametrize(
    ("options", "drawn", "at_first"),
    [
        ([], AblationNoise(num_kept=50), None),
        (["--noise", "ablation", "--keep", 7], AblationNoise(num_kept=7), None),
        (["--keep-at-first", 50], AblationNoise(num_kept=50), 50),
        (["resnet110", "--keep-at-first", 1024], AblationNoise(num_kept=50), 1024),
        (
            ["--keep", 52, "--design", "stratified", "--masks", 2000],
            DesignNoise(design=STRATIFIED, num_masks=2000),
            None,
        ),
        (["small", "--noise", "gaussian", "--sigma", 0.12], GaussianNoise(sigma=0.12), None),
        (
            ["small", "--noise", "discrete", "--keep-probability", 0.2],
            DiscreteNoise(keep_probability=0.2),
            None,
        ),
        (["cnn", "--noise", "interval", "--radius", 2], IntervalNoise(radius=2), None),
    ],
)
def test_the_noise_that_is_named_is_trained_under(
    workplace: Path,
    topcert: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
    options: list[object],
    drawn: Noise,
    at_first: int | None,
) -> None:
    plans = recorded(monkeypatch)
    run = topcert("train", "cifar10", *options, "--seed", 3, "--out", "a")
    assert run.code == 0, run.err
    assert [(plan.noise, plan.num_kept_at_first, plan.seed) for plan in plans] == [
        (drawn, at_first, 3)
    ]


@pytest.mark.usefixtures("tiny_cifar")
def test_a_teacher_of_whole_images_is_trained_and_listened_to(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module("topcert.api.prepare_training"), "HELD_OUT", 8)
    run = topcert("train", "cifar10", "whole", "--epochs", 1, "--batch-size", 16, "--out", "t")
    assert run.code == 0, run.err
    assert onnxruntime.InferenceSession("t/whole.onnx").get_inputs()[0].shape[1:] == [3, 32, 32]
    student = ["train", "cifar10", "lattice", "--epochs", 1, "--batch-size", 12, "--hold-out"]
    run = topcert(*student, "--teacher", "t/checkpoint.pt", "--teacher-share", 0.5, "--out", "a")
    assert run.code == 0, run.err
    shown = onnxruntime.InferenceSession("a/lattice.onnx").get_modelmeta().custom_metadata_map
    assert re.fullmatch(
        r"Distillation\(teacher='[0-9a-f]{64}', share=0.5, temperature=2.0\)", shown["distillation"]
    )
    assert shown["held_out"] == "8"
    assert topcert(*student, "--out", "b").code == 0
    assert not torch.equal(weights("a")["head.3.weight"], weights("b")["head.3.weight"])
    # another share
    assert topcert(*student, "--teacher", "t/checkpoint.pt", "--out", "a", "--resume").code == 2


@pytest.mark.usefixtures("tiny_cifar")
def test_lattice_is_trained_on_grids_and_takes_their_pictures(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    run = topcert("train", "cifar10", "lattice", "--epochs", 1, "--batch-size", 16, "--out", "a")
    assert run.code == 0, run.err
    session = onnxruntime.InferenceSession("a/lattice.onnx")
    assert session.get_inputs()[0].shape[1:] == [6, 7, 7]
    shown = session.get_modelmeta().custom_metadata_map
    assert "LatticeNoise(stride=5" in shown["noise"]
    assert trained_encoding("a/lattice.onnx") == "lattice"
    assert (shown["algorithm"], shown["warmup"], shown["network"]) == (
        "muon-float32",
        "0.15",
        "lattice",
    )
    assert (
        topcert(
            "train",
            "cifar10",
            "lattice",
            "--keep",
            16,
            "--epochs",
            1,
            "--batch-size",
            16,
            "--out",
            "b",
        ).code
        == 0
    )
    assert onnxruntime.InferenceSession("b/lattice.onnx").get_inputs()[0].shape[1:] == [6, 4, 4]
    np.savez(
        "images.npz",
        x=np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8),
        y=np.zeros(2, int),
    )
    shared = [
        "certify",
        "images.npz",
        "--k",
        1,
        "--method",
        "design",
        "--design",
        "lattice",
        "--samples",
        25,
        "--keep",
        49,
    ]
    for folder, encoding in (("o", ["--encoding", "lattice"]), ("p", [])):
        made = topcert(*shared[:2], "a/lattice.onnx", *shared[2:], *encoding, "--out", folder)
        assert made.code == 0, made.err
        assert json.loads(Path(folder, "manifest.json").read_text())["encoding"] == "lattice"
    assert topcert("verify", "o", "--model", "a/lattice.onnx", "--replay", 5).code == 0
    foreign = topcert(
        *shared[:2], "a/lattice.onnx", *shared[2:], "--encoding", "six-channel", "--out", "q"
    )
    assert foreign.code == 2
    assert "--encoding is six-channel, and a/lattice.onnx was trained on the encoding lattice" in (
        " ".join(foreign.err.split())
    )
    other = topcert(*shared[:2], "b/lattice.onnx", *shared[2:], "--out", "q")
    assert other.code == 2
    assert "takes inputs of shape (6, 4, 4), this data and encoding give (6, 7, 7)" in other.err


@pytest.mark.usefixtures("tiny_cifar")
def test_one_network_of_several_strides_is_certified_under_each(
    workplace: Path, topcert: Callable[..., Outcome]
) -> None:
    designs = ("lattice:5x5", "lattice:6x6", "lattice:5x6")
    train = ["train", "cifar10", "lattice", "--epochs", 1, "--batch-size", 16, "--views", 4]
    run = topcert(*train, "--design", ",".join(designs), "--out", "a")
    assert run.code == 0, run.err
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3)).astype(np.uint8)
    np.savez("images.npz", x=images, y=np.zeros(2, int))
    shared = ["certify", "images.npz", "a/lattice.onnx", "--k", 1, "--method", "design"]
    for design in designs:
        out = design.partition(":")[2]
        made = topcert(*shared, "--design", design, "--out", out)
        assert made.code == 0, made.err
        shown = json.loads(Path(out, "manifest.json").read_text())
        assert (shown["encoding"], shown["law"]) == ("lattice", design)
    again = topcert("verify", out, "--model", "a/lattice.onnx", "--replay", "all")
    assert again.code == 0, again.out + again.err
    # six planes of whole images would go through it too, and mean nothing
    foreign = topcert(*shared, "--design", designs[0], "--encoding", "six-channel", "--out", "q")
    assert foreign.code == 2
    assert "leave --encoding out" in foreign.err


@pytest.mark.usefixtures("tiny_cifar")
def test_a_training_goes_on_in_its_precision_and_with_its_network_alone(
    workplace: Path, topcert: Callable[..., Outcome], monkeypatch: pytest.MonkeyPatch
) -> None:
    small = [*RUN[:2], "small", "--epochs", 1, "--batch-size", 16, "--out", "a"]
    assert topcert(*small, "--precision", "bfloat16").code == 0
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    run = topcert(*small, "--resume")
    assert run.code == 0, run.err
    assert "bfloat16 is slow" not in run.out
    other = topcert(*small, "--precision", "float32", "--resume")
    assert other.code == 2
    assert "was trained with precision = bfloat16, not float32" in other.err
    for network in ("compact", "resnet18"):
        foreign = topcert(*RUN[:2], network, *small[3:], "--resume")
        assert foreign.code == 2
        assert "is a checkpoint of another network" in foreign.err


@pytest.mark.parametrize(
    ("capability", "options", "precision"),
    [
        ("AVX512", [], "bfloat16"),
        ("AVX512", ["--precision", "float32"], "float32"),
        ("AVX2", [], "float32"),
        ("AVX2", ["small"], "float32"),
        ("AVX2", ["--precision", "bfloat16"], "bfloat16"),
        ("DEFAULT", [], "float32"),
    ],
)
def test_bfloat16_is_left_where_it_is_slow_unless_asked_for(
    workplace: Path,
    topcert: Callable[..., Outcome],
    monkeypatch: pytest.MonkeyPatch,
    capability: str,
    options: list[str],
    precision: str,
) -> None:
    plans = recorded(monkeypatch)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: capability)
    run = topcert("train", "cifar10", *options, "--device", "cpu", "--out", "a")
    assert run.code == 0, run.err
    assert [plan.precision for plan in plans] == [precision]
    shown = "bfloat16 is slow" in run.out + run.err
    assert shown == (capability != "AVX512" and not options)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "imagenet", "--out", "o"], "unknown training data"),
        (
            ["train", "cifar10", "--noise", "gaussian", "--sigma", 1, "--out", "o"],
            "compact looks for kept pixels",
        ),
        (
            ["train", "cifar10", "--optimizer", "lion", "--out", "o"],
            "unknown --optimizer 'lion'; choose one of: sgd, muon, muon-float32, adam",
        ),
        (["train", "cifar10", "--seed", 2**64, "--out", "o"], "--seed must lie in 0 .. 2^64 - 1"),
        (
            ["train", "cifar10", "lattice", "--noise", "gaussian", "--sigma", 1, "--out", "o"],
            "lattice looks at grids",
        ),
        (
            ["train", "cifar10", "lattice", "--noise", "interval", "--radius", 2, "--out", "o"],
            "lattice looks at grids",
        ),
        (
            ["train", "cifar10", "lattice", "--keep-at-first", 60, "--out", "o"],
            "--keep-at-first is for the pixels",
        ),
        (["train", "cifar10", "whole", "--keep", 60, "--out", "o"], "whole sees whole images"),
        (
            ["train", "cifar10", "whole", "--noise", "gaussian", "--sigma", 1, "--out", "o"],
            "whole sees whole images",
        ),
        (
            ["train", "cifar10", "small", "--teacher-share", 0.5, "--out", "o"],
            "--teacher-share belongs to --teacher",
        ),
        (
            ["train", "cifar10", "small", "--teacher", "absent.pt", "--out", "o"],
            "--teacher absent.pt: No such file",
        ),
        (
            ["train", "surfaces", "--hold-out", "--out", "o"],
            "--teacher and --hold-out are for images",
        ),
        (
            ["train", "cifar10", "lattice", "--design", "lattice", "--masks", 9, "--out", "o"],
            "grids: --design lattice:5x4",
        ),
        (
            ["train", "cifar10", "lattice", "--design", "lattice:p=23", "--out", "o"],
            "grids: --design lattice:5x4",
        ),
        (
            ["train", "cifar10", "lattice", "--design", "lattice:5x5", "--keep", 49, "--out", "o"],
            "leave --keep out",
        ),
        (
            ["train", "cifar10", "lattice", "--design", "lattice:5x5", "--masks", 30, "--out", "o"],
            "use --masks 25",
        ),
        (
            ["train", "cifar10", "lattice", "--design", "lattice:5x5,lattice:p=3", "--out", "o"],
            "looks at grids",
        ),
        (
            ["train", "cifar10", "lattice", "--masks", 25, "--out", "o"],
            "--masks belongs to --design",
        ),
        (
            ["train", "cifar10", "--design", "lattice", "--keep", 49, "--masks", 26, "--out", "o"],
            "use --masks 25",
        ),
        (["train", "cifar10", "--schedule", "cosine", "--out", "o"], "unknown --schedule"),
        (["train", "cifar10", "--precision", "float16", "--out", "o"], "float32, bfloat16"),
        (["train", "cifar10", "resnet", "--out", "o"], "unknown network"),
        (["train", "cifar10", "--out", "o", "--batch-size", 64], "batch size 64"),
        (["train", "cifar10", "--out", "o", "--device", "cuda:99"], "cuda"),
        (["train", "cifar10", "--out", "o", "--keep", 2000], "--keep must lie in 1 .. 1024"),
        (["train", "cifar10", "--out", "o", "--keep", 0], "--keep must lie in 1 .. 1024"),
        (
            ["train", "cifar10", "--out", "o", "--keep-at-first", 49],
            "--keep-at-first must lie in --keep .. all, 50",
        ),
        (
            ["train", "cifar10", "--out", "o", "--keep-at-first", 1025],
            "--keep-at-first must lie in --keep .. all, 50",
        ),
        (
            [
                "train",
                "cifar10",
                "--out",
                "o",
                "--design",
                "random",
                "--masks",
                20,
                "--keep-at-first",
                60,
            ],
            "--keep-at-first is for the pixels of images under --noise ablation without --design",
        ),
        (
            ["train", "surfaces", "--out", "o", "--keep-at-first", 60],
            "--keep-at-first is for the pixels of images",
        ),
        (["train", "cifar10", "--out", "o", "--design", "stratified"], "--design needs --masks"),
        (["train", "cifar10", "--out", "o", "--masks", 20], "--masks belongs to --design"),
        (
            ["train", "cifar10", "--out", "o", "--design", "striped", "--masks", 20],
            "unknown design 'striped'",
        ),
        (
            ["train", "surfaces", "--out", "o", "--design", "random", "--masks", 20],
            "--design is for the pixels of images under --noise ablation",
        ),
        (
            ["train", "cifar10", "--out", "o", "--noise", "salt"],
            "unknown --noise 'salt'; choose one of: ablation, gaussian",
        ),
        (
            ["train", "cifar10", "--out", "o", "--noise", "gaussian"],
            "--noise gaussian needs --sigma",
        ),
        (
            ["train", "cifar10", "--out", "o", "--noise", "discrete"],
            "--noise discrete needs --keep-probability",
        ),
        (
            ["train", "cifar10", "mlp", "--out", "o", "--noise", "interval"],
            "--noise interval needs --radius",
        ),
        (
            ["train", "cifar10", "--out", "o", "--sigma", 0.5],
            "--sigma is not an option of --noise ablation",
        ),
        (
            ["train", "cifar10", "--out", "o", "--noise", "gaussian", "--sigma", 1, "--keep", 5],
            "--keep is not an option",
        ),
        (
            ["train", "cifar10", "--out", "o", "--noise", "discrete", "--sigma", 1],
            "which takes --keep-probability",
        ),
        (
            ["train", "cifar10", "--out", "o", "--noise", "gaussian", "--radius", 1],
            "--radius is not an option",
        ),
        (
            ["train", "cifar10", "--out", "o", "--noise", "gaussian", "--sigma", 0],
            "--sigma must lie in",
        ),
        (
            ["train", "cifar10", "--out", "o", "--noise", "gaussian", "--sigma", "inf"],
            "--sigma must lie in",
        ),
        (
            ["train", "cifar10", "--out", "o", "--noise", "gaussian", "--sigma", "nan"],
            "--sigma must lie in",
        ),
        (
            ["train", "cifar10", "--out", "o", "--noise", "discrete", "--keep-probability", 0],
            "strictly between 0 and 1",
        ),
        (
            ["train", "cifar10", "--out", "o", "--noise", "discrete", "--keep-probability", 1],
            "strictly between 0 and 1",
        ),
        (
            ["train", "cifar10", "--out", "o", "--noise", "interval", "--radius", 0],
            "--radius must lie in 1 .. 1024",
        ),
        (
            ["train", "cifar10", "--out", "o", "--noise", "interval", "--radius", 2],
            "bounds can follow: mlp, cnn",
        ),
    ],
)
@pytest.mark.usefixtures("tiny_cifar")
def test_what_cannot_be_trained_is_refused(
    workplace: Path, topcert: Callable[..., Outcome], arguments: list[object], says: str
) -> None:
    run = topcert(*arguments)
    assert run.code == 2
    assert says in run.err
    assert len(run.err.strip().splitlines()) == 1
    assert not Path("o/checkpoint.pt").exists()
