"""A base classifier trained under the noise of its certificate. torch is imported in the call."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from topcert.api.arguments import check_object
from topcert.api.prepare_training import prepare_training
from topcert.api.python_words import in_python, python_words
from topcert.api.trained_network import Trained
from topcert.api.training_noise import TrainingNoise
from topcert.api.training_recipe import Recipe, Teaching
from topcert.classifiers.classifier import check_device
from topcert.files import path_of
from topcert.progress.shown import Shown, stages
from topcert.theory.scalars import switch, whole_number


def train_network(
    data: str,
    network: str | None = None,
    *,
    out: str | Path,
    noise: TrainingNoise | None = None,
    recipe: Recipe | None = None,
    teaching: Teaching | None = None,
    seed: int = 0,
    device: str = "auto",
    data_dir: str | Path | None = None,
    resume: bool = False,
    progress: Shown = None,
) -> Trained:
    """Train a network of this package under fresh noise, as `topcert train` does (extra `torch`).

    To train a network of your own, take `topcert.ablate` in your training loop.

    Parameters
    ----------
    data
        "cifar10", or sets of points: "modelnet40", or "surfaces" (generated).
    network
        "compact", "lattice", "small", "resnet18", "resnet110", "whole", "mlp" or "cnn"; "pointnet"
        for points. None for "compact" or "pointnet".
    out
        A folder for checkpoint.pt, log.csv, log.png/.svg and the .onnx file.
    noise
        What it is shown; None for ablation as usual.
    recipe
        What differs from the network's own recipe.
    teaching
        What it learns from beside labels.
    seed
        Of weights, order, augmentation and masks.
    device
        "auto", "cpu", "cuda" or "cuda:N".
    data_dir
        The folder that holds the data set.
    resume
        Whether to go on from the checkpoint in `out`; else a folder with one is refused.
    progress
        As of `SmoothedClassifier.vote`.

    Returns
    -------
    Trained

    Raises
    ------
    ValueError
        Where torch is missing, or anything does not fit.

    Examples
    --------
    >>> import topcert
    >>> topcert.train_network("digits", out="runs/digits")
    Traceback (most recent call last):
    ValueError: unknown training data 'digits'; topcert trains on: cifar10, modelnet40, surfaces
    """
    notes: list[str] = []
    noise = TrainingNoise() if noise is None else noise
    recipe = Recipe() if recipe is None else recipe
    teaching = Teaching() if teaching is None else teaching
    with python_words():
        check_object(noise, TrainingNoise, "noise", such_as="topcert.TrainingNoise(num_kept=50)")
        check_object(recipe, Recipe, "recipe", such_as="topcert.Recipe(epochs=2)")
        check_object(teaching, Teaching, "teaching", such_as="topcert.Teaching(hold_out=True)")
        check_device(device)
        training = prepare_training(
            data,
            network,
            out=path_of(out, "out"),
            noise=noise,
            recipe=recipe,
            teaching=teaching,
            seed=whole_number(seed, "seed"),
            device=device,
            data_dir=None if data_dir is None else path_of(data_dir, "data_dir"),
            resume=switch(resume, "resume"),
            tell=notes.append,
        )
        with stages(progress) as stage:
            made = training.run(stage("train", unit="steps"))
    return replace(made, notes=tuple(map(in_python, notes)))
