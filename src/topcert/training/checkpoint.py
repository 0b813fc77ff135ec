"""`checkpoint.pt` and `log.csv`: all that a training needs to go on, and its rows so far."""

from __future__ import annotations

import csv
import io
import zipfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, final

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel

from topcert.files import first_line, replacing
from topcert.training.optimization import Optimization
from topcert.training.plans import TrainingPlan


@dataclass(frozen=True, kw_only=True)
class EpochLog:
    """One row of `log.csv`; accuracies are of a single pass, fresh noise for each input.

    `seconds` are of the whole epoch with its test; `data_seconds` of them went into augmentation
    and noise.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    test_accuracy: float
    seconds: float
    data_seconds: float


@final
@dataclass(kw_only=True)
class Progress:
    """An epoch under way: steps taken, sums over them, and the state of the generators after them.

    `generators` are those of order and augmentation, then torch's, as tensors; none before the
    first step.
    """

    step: int = 0
    total_loss: float = 0.0
    hits: int = 0
    seconds: float = 0.0
    data_seconds: float = 0.0
    generators: tuple[torch.Tensor, ...] = ()


@final
@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """What a training keeps in `folder`, read from it and written to it.

    `data` and `started_from` are digests of the data and of the file of the first weights ("" for
    none).
    """

    folder: Path
    data: str
    started_from: str
    plan: TrainingPlan
    network: nn.Module
    averaged: AveragedModel
    optimization: Optimization

    def restore(self) -> tuple[list[EpochLog], Progress]:
        """Take up what lies in the folder, or nothing.

        Raises ValueError where it is damaged, was made under another plan, on other data or from
        other weights, or belongs to another network.
        """
        path = self.folder / "checkpoint.pt"
        # where nothing can be written, it is better known before an epoch than after
        with TemporaryFile(dir=self.folder):
            pass
        if path.is_dir():
            raise ValueError(f"{path} is a folder; pass another --out")
        if not path.is_file():
            return [], Progress()
        try:
            state = _read(path)
            planned = dict(state["plan"])
        except Exception as error:  # a damaged file can raise anything
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise ValueError(
                f"{path} is damaged ({reason[:120]}); remove it to start again"
            ) from error
        if _shapes(state.get("network")) != _shapes(self.network.state_dict()):
            raise ValueError(
                f"{path} is a checkpoint of another network; name the one it is of, or pass another"
                " --out"
            )
        # what older checkpoints do not say
        usual = {field.name: field.default for field in fields(TrainingPlan)}
        for name, value in asdict(self.plan).items():
            was = planned.get(name, usual[name])
            if was != value:
                raise ValueError(
                    f"{path} was trained with {name} = {was}, not {value}; pass the same value or"
                    " another --out"
                )
        for option, name, asked in (
            ("--data-dir", "data", self.data),
            ("--start-from", "started_from", self.started_from),
        ):
            recorded = state.get(name, asked)  # older checkpoints do not say
            if recorded != asked:
                recorded_words, asked_words = (
                    digest[:12] or "none" for digest in (recorded, asked)
                )
                what = "was trained on other data" if name == "data" else "began with other weights"
                raise ValueError(
                    f"{path} {what} (SHA-256 {recorded_words}, now {asked_words}); pass the same"
                    f" {option} or another --out"
                )
        try:
            self.network.load_state_dict(state["network"])
            if self.plan.average:
                self.averaged.module.load_state_dict(state["averaged"])
                self.averaged.n_averaged.fill_(state["num_averaged"])
            self.optimization.load_state_dict(state["optimization"])
            return [EpochLog(**row) for row in state["logs"]], Progress(**state["progress"])
        # a checkpoint of another network, of another version, or damaged
        except Exception as error:
            reason = str(error).partition("\n")[0][:120]
            raise ValueError(
                f"{path} is not a checkpoint of this network ({reason}); pass another --out"
            ) from error

    def save(self, logs: list[EpochLog], progress: Progress) -> None:
        # The checkpoint comes last: after a kill in between, the epoch is trained again and its row
        # written again.
        if logs:
            with replacing(self.folder / "log.csv") as aside, aside.open("w", newline="") as file:
                writer = csv.DictWriter(file, fieldnames=list(asdict(logs[0])))
                writer.writeheader()
                writer.writerows(asdict(row) for row in logs)
        content = io.BytesIO()  # torch itself hides why a file cannot be written
        torch.save(
            {
                "plan": asdict(self.plan),
                "data": self.data,
                "started_from": self.started_from,
                "network": self.network.state_dict(),
                "averaged": self.averaged.module.state_dict() if self.plan.average else None,
                "num_averaged": int(self.averaged.n_averaged),
                "optimization": self.optimization.state_dict(),
                "logs": [asdict(row) for row in logs],
                "progress": asdict(progress),
            },
            content,
        )
        with replacing(self.folder / "checkpoint.pt") as aside:
            aside.write_bytes(content.getbuffer())


def recorded_precision(folder: Path) -> str | None:
    """The precision that the checkpoint of `folder` was trained in; None where there is none, or it
    cannot be read.
    """
    try:
        return str(_read(folder / "checkpoint.pt")["plan"]["precision"])
    except Exception:  # it may be damaged in any way: `restore` says how
        return None


def _shapes(state: Any) -> dict[str, tuple[int, ...]]:
    """Names and shapes of the tensors of a network; none where `state` is no such thing."""
    return (
        {name: tuple(getattr(value, "shape", ())) for name, value in state.items()}
        if isinstance(state, dict)
        else {}
    )


def _read(path: Path) -> Any:
    """What `torch.save` wrote. Raises any error where the file is none of its, or damaged in a
    single bit.
    """
    with zipfile.ZipFile(path) as archive:
        damaged = archive.testzip()  # torch itself does not look at checksums
    if damaged is not None:
        raise ValueError(f"the checksum of {damaged} is wrong")
    return torch.load(path, weights_only=True, map_location="cpu")


def load_weights(network: nn.Module, checkpoint: Path) -> None:
    """Give `network` the weights of a checkpoint. Raises ValueError where the file is none, or of
    another network.
    """
    try:
        state = _read(checkpoint)
        network.load_state_dict(state["averaged"] or state["network"])
    except FileNotFoundError as error:
        raise ValueError(f"{checkpoint} does not exist") from error
    except Exception as error:  # torch.load can raise anything on a file that is no checkpoint
        raise ValueError(
            f"{checkpoint} holds no weights of this network: {first_line(error)}"
        ) from error
