"""Options that several commands share, each written once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from topcert.cli.machine import choose_json
from topcert.cli.numbers import choose_ballot, flattened, several
from topcert.cli.progress import choose_progress

Data = Annotated[
    str,
    typer.Argument(
        metavar="DATA",
        help=(
            "A set by its name: digits, cifar10, cifar10-held-out, imagenet, modelnet40 or"
            " surfaces; or a path: to a folder of pictures (CLASS/*.jpg, or *.jpg), or to an .npz"
            " or .npy file."
        ),
    ),
]
Model = Annotated[
    str,
    typer.Argument(
        metavar="MODEL",
        help=(
            "compact, lattice, lattice-mirrored (carried), an .onnx or .joblib file, or"
            " module:function (runs its code)."
        ),
    ),
]
Method = Annotated[str, typer.Option(help="The certificate; `topcert methods` lists them.")]
Bounds = Annotated[
    str | None,
    typer.Option(
        help=(
            "ablation: simuem (the paper's, by default) or intersection-union (the same promise,"
            " larger radii)."
        )
    ),
]


Moves = Annotated[
    str | None,
    typer.Option(
        help=(
            "What an attacker may do: some of insert,delete,rewrite, where a model sees kept"
            " features alone; by default what is usual of such inputs."
        )
    ),
]
StoredBallot = Annotated[
    int | None,
    typer.Option(
        "--ballot",
        help="Of each vote, so many labels count, the best (w); by default all that it names.",
    ),
]


def _ks(text: str) -> Any:
    return typer.Option(
        "--k",
        metavar="K,...",
        parser=several,
        callback=flattened,
        help=f"Top-k, such as 3 or 1,3; {text}.",
    )


Ks = Annotated[list[int] | None, _ks("by default 3, or the most that classes or method allow")]
StoredKs = Annotated[list[int] | None, _ks("by default those that were certified")]
Selection = Annotated[
    int | None,
    typer.Option(
        min=0,
        max=10**8,
        help=(
            "Votes of a first sample that selects the label (n0); 100 for --label selected, or"
            " methods that do."
        ),
    ),
]
Samples = Annotated[
    int,
    typer.Option(min=1, max=10**8, help="Votes an input (n), each under its own mask or noise."),
]
OptionalSamples = Annotated[
    int | None,
    typer.Option(
        "--samples",
        min=1,
        max=10**8,
        help="Votes an input (n), each under its own mask or noise; 10,000.",
    ),
]
Ballot = Annotated[
    int,
    typer.Option(
        callback=choose_ballot,
        help="Labels that each vote names, its best (w), 1 .. classes - 1; 1 is the paper's.",
    ),
]
Stop = Annotated[
    str | None,
    typer.Option(
        help=(
            "Sample until an answer is known: radius=R (at least R?), table (0 .. 5) or exact;"
            " given or selected labels."
        )
    ),
]
MaxSamples = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=10**7,
        help="With --stop: at most so many votes an input, after a first sample; 100,000.",
    ),
]
Alpha = Annotated[float, typer.Option(help="Chance per input that a certificate is wrong.")]
MethodAlpha = Annotated[
    float | None,
    typer.Option(
        "--alpha",
        help="Chance per input that a certificate is wrong; 0.001, or none where there is none.",
    ),
]
Seed = Annotated[int, typer.Option(min=0, max=2**64 - 1, help="Seed of the masks or the noise.")]
Label = Annotated[
    str | None,
    typer.Option(
        help="given, predicted or selected; by default selected where the method does, else given."
    ),
]
UnitOption = Annotated[
    str | None,
    typer.Option("--unit", help="What counts as one feature: {units}."),
]
DataDir = Annotated[
    Path | None,
    typer.Option(help="Folder of CIFAR-10 or ModelNet40 (downloaded without it) or ImageNet."),
]
Limit = Annotated[int | None, typer.Option(min=1, max=10**9, help="At most so many inputs.")]
Stride = Annotated[int | None, typer.Option(min=1, max=10**9, help="Every so many-th input.")]
Crop = Annotated[
    int | None,
    typer.Option(min=1, help="Certify the central square of so many pixels of each image."),
]
Resize = Annotated[
    int | None,
    typer.Option(
        min=1, max=10**5, help="First resize the shorter side of each image to so many pixels."
    ),
]
SkipUnreadable = Annotated[
    bool,
    typer.Option(
        "--skip-unreadable", help="Leave out images of a folder that cannot be read, and name them."
    ),
]
Channels = Annotated[
    str | None,
    typer.Option(
        help="first or last: where an .npz has the channels of images, if its shape leaves doubt."
    ),
]
ValueRange = Annotated[
    tuple[float, float] | None,
    typer.Option(
        "--range",
        metavar="LOW HIGH",
        help="Values of images that the model was trained on, if not 0 1; bytes are scaled.",
    ),
]
ClassNames = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The model's classes, a name a line in its order, to match the data's by name.",
    ),
]
ModalityName = Annotated[
    str | None,
    typer.Option(
        "--modality",
        metavar="KIND",
        help=(
            "What a file of records holds (.csv, .tsv, .jsonl, .parquet), or a folder of them:"
            " tokens for texts."
        ),
    ),
]
TextColumn = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="--modality tokens: the column of texts; text by default."),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(metavar="NAME", help="--modality: the column of labels; none by default."),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Classes = Annotated[
    int | None,
    typer.Option(
        min=2,
        max=10**6,
        help="Number of classes (c), where no model tells it, as of functions that return labels.",
    ),
]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        help=(
            "Of a model with several outputs, the one that is the answer: its name, or its place"
            " (0, 1)."
        ),
    ),
]
Precision = Annotated[
    str | None,
    typer.Option(
        help="Numbers that a torch module runs in: float32, float16 or bfloat16; recorded."
    ),
]
ChannelsLast = Annotated[
    bool,
    typer.Option(
        "--channels-last",
        help="Run a torch module on images whose channels lie side by side in memory; recorded.",
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        min=1, max=10**6, help="Votes a batch; chosen for you, recorded, kept when a run goes on."
    ),
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")]
Shard = Annotated[
    str | None,
    typer.Option(
        help="I/N: only share I of N of the votes, for merge; each share has an --out of its own."
    ),
]
ExecutorName = Annotated[
    str,
    typer.Option(
        "--executor",
        help="Who casts the votes: auto (this process, or processes where these are faster),"
        " in-process, processes or ray. The votes are the same.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="processes: how many, one a core without it; ray: how many at most."),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        "--ray",
        help="ray: auto for the cluster that this machine belongs to, or HOST:PORT; without it one"
        " of this machine alone.",
    ),
]
NumCpus = Annotated[
    float | None, typer.Option(min=0, help="ray: cores that a worker takes of a node; 1.")
]
NumGpus = Annotated[
    float | None, typer.Option(min=0, help="ray: GPUs that a worker takes of a node; 0.")
]
Resources = Annotated[
    str | None, typer.Option(help="ray: what else it takes, NAME=AMOUNT, with commas between.")
]
Progress = Annotated[
    str | None,
    typer.Option(
        "--progress",
        callback=choose_progress,
        help="auto (a bar on a terminal, else lines), bar, lines, json (on standard error) or off.",
    ),
]
AsJson = Annotated[
    bool,
    typer.Option(
        "--json",
        callback=choose_json,
        help="Print one JSON object, and all else on standard error.",
    ),
]
Radii = Annotated[
    list[int] | None,
    typer.Option(
        "--radius",
        metavar="R,...",
        parser=several,
        callback=flattened,
        help="Print the shares at these radii alone, such as 5 or 1,5,10.",
    ),
]
