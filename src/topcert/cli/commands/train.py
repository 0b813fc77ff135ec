"""`topcert train`: a base classifier under the noise of its certificate."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final, final

import typer
from rich.table import Table

from topcert.api.prepare_training import prepare_training
from topcert.api.training_noise import TrainingNoise
from topcert.api.training_recipe import Recipe, Teaching
from topcert.cli import options
from topcert.cli.grouping import grouped
from topcert.cli.own_commands import OwnCommand
from topcert.cli.progress import console, progress_bar, stoppable


@final
@dataclass(frozen=True, kw_only=True)
class ShownOptions:
    """What the network is shown of an input."""

    noise: Annotated[
        str,
        typer.Option(
            help=(
                "ablation, gaussian or discrete, as its certificate will draw; interval for chiang."
            )
        ),
    ] = "ablation"
    keep: Annotated[
        int | None, typer.Option(help="ablation: kept by each mask (e); 50 pixels or 16 points.")
    ] = None
    keep_at_first: Annotated[
        int | None,
        typer.Option(
            help="ablation of images: kept at first; --keep from three fifths of the steps on."
        ),
    ] = None
    design: Annotated[
        str | None,
        typer.Option(
            help=(
                "ablation of images: train on these masks, as certify names them; lattice: on"
                " lattice:5x4, or several (,)."
            )
        ),
    ] = None
    masks: Annotated[
        int | None,
        typer.Option(min=1, max=10**6, help="--design: how many; as --samples of certify."),
    ] = None
    sigma: Annotated[
        float | None, typer.Option(help="gaussian: standard deviation, values in [0, 1].")
    ] = None
    keep_probability: Annotated[
        float | None, typer.Option(help="discrete: chance that a value stays.")
    ] = None
    radius: Annotated[
        int | None, typer.Option(help="interval: pixels that may change in the worst case.")
    ] = None

    def noise_of(self) -> TrainingNoise:
        """As the library takes it."""
        return TrainingNoise(
            law=self.noise,
            num_kept=self.keep,
            num_kept_at_first=self.keep_at_first,
            design=self.design,
            num_masks=self.masks,
            sigma=self.sigma,
            keep_probability=self.keep_probability,
            radius=self.radius,
        )


@final
@dataclass(frozen=True, kw_only=True)
class RecipeOptions:
    """What differs from the network's own recipe."""

    epochs: Annotated[int | None, typer.Option(min=1, help="Passes over the training inputs.")] = (
        None
    )
    batch_size: Annotated[int | None, typer.Option(min=2, help="Noisy inputs a step.")] = None
    views: Annotated[
        int | None,
        typer.Option(min=1, help="Noises that each input of a batch is shown under; 1 by default."),
    ] = None
    optimizer: Annotated[str | None, typer.Option(help="sgd, muon, muon-float32 or adam.")] = None
    schedule: Annotated[
        str | None, typer.Option(help="one-cycle, or steps (a tenth after each third).")
    ] = None
    learning_rate: Annotated[float | None, typer.Option(min=1e-9, help="Peak of the schedule.")] = (
        None
    )
    weight_decay: Annotated[float | None, typer.Option(min=0.0, help="Of SGD and Adam.")] = None
    label_smoothing: Annotated[
        float | None, typer.Option(min=0.0, max=0.5, help="Of the cross-entropy.")
    ] = None
    average: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=0.99999,
            help="Decay a step of the average of weights, which is kept; 0: none.",
        ),
    ] = None
    precision: Annotated[
        str | None,
        typer.Option(
            help="float32 or bfloat16 (mixed); the recipe's, where the device is fast at it."
        ),
    ] = None


@final
@dataclass(frozen=True, kw_only=True)
class SourceOptions:
    """What the network learns from beside labels, and what it does not see."""

    start_from: Annotated[
        Path | None, typer.Option(help="A checkpoint.pt whose weights to begin with.")
    ] = None
    teacher: Annotated[
        Path | None,
        typer.Option(
            help="A checkpoint.pt of `whole`, whose soft labels of whole images join the loss."
        ),
    ] = None
    teacher_share: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, help="--teacher: its share of the loss; 0.7 by default."),
    ] = None
    hold_out: Annotated[
        bool,
        typer.Option(
            "--hold-out",
            help="Leave out the images of the data set cifar10-held-out, to choose by them.",
        ),
    ] = False


@grouped
def train(
    data: Annotated[
        str,
        typer.Argument(
            metavar="DATA", help="cifar10, or sets of points: modelnet40, or surfaces (generated)."
        ),
    ],
    network: Annotated[
        str | None,
        typer.Argument(
            metavar="NETWORK",
            help=(
                "compact, lattice, small, resnet18, resnet110; whole; mlp or cnn; pointnet for"
                " points."
            ),
        ),
    ] = None,
    *,
    shown: ShownOptions,
    recipe: RecipeOptions,
    source: SourceOptions,
    seed: Annotated[
        int,
        typer.Option(
            min=0, help="Seed of weights, order, augmentation and masks, those of a --design too."
        ),
    ] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")] = "auto",
    data_dir: Annotated[Path | None, typer.Option(help="Folder that holds the data set.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for checkpoint.pt, log.csv and NETWORK.onnx.")],
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the checkpoint in --out.")
    ] = False,
    _progress: options.Progress = None,
) -> None:
    """Train a base classifier under fresh noise (needs the extra `torch`).

    Every network has a recipe of its own; options change parts of it. The folder --out then holds
    checkpoint.pt, log.csv, log.png/.svg and NETWORK.onnx.
    """
    training = prepare_training(
        data,
        network,
        out=out,
        noise=shown.noise_of(),
        recipe=Recipe(**asdict(recipe)),
        teaching=Teaching(**asdict(source)),
        seed=seed,
        device=device,
        data_dir=data_dir,
        resume=resume,
        tell=_tell,
    )
    kept = (
        f"what {out / 'checkpoint.pt'} holds is kept, at most a minute old: repeat the command with"
        " --resume"
    )
    with stoppable(kept), progress_bar("train", unit="steps") as update:
        made = training.run(update)
    table = Table(
        "epoch",
        "loss",
        "train accuracy",
        "test accuracy",
        "seconds",
        title="last epochs, one pass an input",
    )
    for row in made.logs[-5:]:
        cells = (
            f"{row.train_loss:.3f}",
            f"{row.train_accuracy:.4f}",
            f"{row.test_accuracy:.4f}",
            f"{row.seconds:.0f}",
        )
        table.add_row(str(row.epoch), *cells)
    console.print(table)
    console.print(f"wrote {made.path}")


def _tell(line: str) -> None:
    console.print(line, highlight=False, soft_wrap=True)


COMMAND: Final = OwnCommand(run=train, short="Train a base classifier under its noise.", place=100)
