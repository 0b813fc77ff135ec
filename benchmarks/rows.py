"""Which kernels give a row the same bits whatever its mates are, and in whatever place of its
batch.

    python benchmarks/rows.py [--rounds 4]

Batches of several sizes are asked again with half of their rows hidden, replaced by others or by
huge ones, and with all rows in other places. Printed is the largest difference of a score: 0 means
the same bits.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable

import numpy as np
import onnxruntime
import torch
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier

from topcert.classifiers.loading import carried_path
from topcert.classifiers.processor import this_cpu
from topcert.models.residual import resnet18
from topcert.models.small import Small
from topcert.randomization.masks import draw_masks

Scores = Callable[[np.ndarray], np.ndarray]
SIZES = (3, 7, 32, 250)


def ablated(size: int, generator: np.random.Generator) -> np.ndarray:
    """Random images with 50 of 1,024 pixels kept, six channels each."""
    kept = draw_masks(
        seed=int(generator.integers(2**60)), start=0, stop=size, num_features=1024, num_kept=50
    )
    mask = np.zeros((size, 1, 1024), np.float32)
    np.put_along_axis(mask[:, 0], kept.astype(np.int64), 1, axis=1)
    images = generator.random((size, 3, 1024), dtype=np.float32)
    return np.concatenate([images * mask, (1 - images) * mask], axis=1).reshape(size, 6, 32, 32)


def table(size: int, generator: np.random.Generator) -> np.ndarray:
    return generator.normal(size=(size, 64))


def differences(
    scores: Scores, draw: Callable[..., np.ndarray], size: int, rounds: int
) -> tuple[float, float]:
    """The largest difference among other mates, and in other places."""
    generator = np.random.default_rng(size)
    batch = draw(size, generator)
    first, mates, places = scores(batch), 0.0, 0.0
    for number in range(rounds):
        stays = np.zeros(size, np.bool_)
        stays[generator.permutation(size)[: max(1, size // 2)]] = True
        others = (
            np.zeros_like(batch),
            draw(size, generator),
            draw(size, generator).astype(batch.dtype) * 1e30,
        )[number % 3]
        mixed = np.where(stays.reshape(-1, *[1] * (batch.ndim - 1)), batch, others)
        mates = max(mates, float(np.abs(scores(mixed) - first)[stays].max()))
        order = generator.permutation(size)
        places = max(places, float(np.abs(scores(batch[order]) - first[order]).max()))
    return mates, places


def models(generator: np.random.Generator) -> dict[str, tuple[Scores, Callable[..., np.ndarray]]]:
    session = onnxruntime.InferenceSession(
        str(carried_path("compact")), providers=["CPUExecutionProvider"]
    )
    weights = generator.normal(size=(6144, 10)).astype(np.float32)
    doubles = generator.normal(size=(64, 10))
    x, y = generator.normal(size=(500, 64)), generator.integers(0, 10, 500)
    linear, perceptron, forest = (
        made.fit(x, y)
        for made in (
            LogisticRegression(max_iter=50),
            MLPClassifier(max_iter=5),
            RandomForestClassifier(20),
        )
    )
    torch.manual_seed(0)

    def of(network: torch.nn.Module) -> Scores:
        def run(batch: np.ndarray) -> np.ndarray:
            with torch.inference_mode():
                return np.asarray(network.eval()(torch.from_numpy(batch)).numpy())

        return run

    return {
        "compact, ONNX Runtime": (
            lambda batch: session.run(None, {session.get_inputs()[0].name: batch})[0],
            ablated,
        ),
        "small, torch": (of(Small()), ablated),
        "resnet18, torch": (of(resnet18(in_channels=6, num_classes=10)), ablated),
        "matrix product, NumPy float32": (
            lambda batch: batch.reshape(len(batch), -1) @ weights,
            ablated,
        ),
        "matrix product, NumPy float64": (lambda batch: batch @ doubles, table),
        "LogisticRegression": (linear.predict_proba, table),
        "MLPClassifier": (perceptron.predict_proba, table),
        "RandomForestClassifier": (forest.predict_proba, table),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--rounds", type=int, default=4)
    rounds = parser.parse_args().rounds
    print(
        f"onnxruntime {onnxruntime.__version__}, torch {torch.__version__}, numpy {np.__version__},"
        f" {this_cpu()}"
    )
    print(f"{'model':32} {'batch':>5} {'other mates':>12} {'other places':>12}")
    for name, (scores, draw) in models(np.random.default_rng(0)).items():
        for size in SIZES if "resnet" not in name else SIZES[:3]:
            mates, places = differences(scores, draw, size, rounds)
            print(f"{name:32} {size:5} {mates:12.1e} {places:12.1e}", flush=True)


if __name__ == "__main__":
    # of overflows among the huge mates, and of fits that are cut short
    warnings.simplefilter("ignore")
    main()
