"""Groups of options that several commands share, each written once."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, final

import typer

from topcert.api.smoothed_classifier import SmoothedClassifier
from topcert.classifiers.torch_options import TorchOptions
from topcert.cli import options
from topcert.cli.grouping import Group, parameter
from topcert.datasets.class_order import read_class_names
from topcert.datasets.reading import Reading
from topcert.datasets.records import Records
from topcert.noise.ablation import Ablation
from topcert.noise.law import Noise
from topcert.noise.registered_laws import all_noises
from topcert.voting.executors.executor import Executor
from topcert.voting.executors.named import AUTO, make_executor, read_resources


@final
@dataclass(frozen=True, kw_only=True)
class ReadingOptions:
    """How data is read."""

    data_dir: options.DataDir = None
    limit: options.Limit = None
    stride: options.Stride = None
    resize: options.Resize = None
    crop: options.Crop = None
    skip_unreadable: options.SkipUnreadable = False
    channels: options.Channels = None
    value_range: options.ValueRange = None
    class_names: options.ClassNames = None
    modality: options.ModalityName = None
    text_column: options.TextColumn = None
    label_column: options.LabelColumn = None

    def records(self) -> Records | None:
        """What a file of records holds, None where none is named."""
        columns = {"text": self.text_column, "label": self.label_column}
        given = {purpose: name for purpose, name in columns.items() if name is not None}
        if self.modality is None and given:
            raise ValueError(
                f"--{next(iter(given))}-column is for a file of records; say of what, as"
                " --modality tokens"
            )
        return None if self.modality is None else Records(modality=self.modality, columns=given)

    def reading(self, *, limit: int | None = None) -> Reading:
        """As the library takes it; `limit` stands where none was given."""
        return Reading(
            data_dir=self.data_dir,
            limit=limit if self.limit is None else self.limit,
            stride=self.stride,
            resize=self.resize,
            crop=self.crop,
            skip_unreadable=self.skip_unreadable,
            channels=self.channels,
            value_range=self.value_range,
            class_names=None if self.class_names is None else read_class_names(self.class_names),
            records=self.records(),
        )


@final
@dataclass(frozen=True, kw_only=True)
class ModelOptions:
    """How the model is asked."""

    unit: options.UnitOption = None
    device: options.Device = "auto"
    classes: options.Classes = None
    output: options.Output = None
    batch_size: options.BatchSize = None
    precision: options.Precision = None
    channels_last: options.ChannelsLast = False

    def smoothed(self, model: str, *, noise: Noise, num_named: int = 1) -> SmoothedClassifier:
        """The model under that noise, as the library takes it."""
        return SmoothedClassifier(
            model,
            noise=noise,
            unit=self.unit,
            num_named=num_named,
            num_classes=self.classes,
            output=self.output,
            device=self.device,
            batch_size=self.batch_size,
            torch_options=TorchOptions.of(self.precision, channels_last=self.channels_last),
        )


@final
@dataclass(frozen=True, kw_only=True)
class ExecutorOptions:
    """Who casts the votes, where, and whether some are there already."""

    resume: options.Resume = False
    executor: options.ExecutorName = AUTO
    workers: options.Workers = None
    ray: options.RayAddress = None
    num_cpus: options.NumCpus = None
    num_gpus: options.NumGpus = None
    resources: options.Resources = None

    def made(self) -> Executor:
        """As the library takes it. Raises ValueError where options do not go together."""
        return make_executor(
            self.executor,
            workers=self.workers,
            ray=self.ray,
            num_cpus=self.num_cpus,
            num_gpus=self.num_gpus,
            resources=read_resources(self.resources),
        )


@final
@dataclass(frozen=True, kw_only=True)
class PrintOptions:
    """How a command speaks."""

    as_json: options.AsJson = False
    progress: options.Progress = None


@final
@dataclass(frozen=True)
class LawFields(Group):
    """Fields of laws of noise: of all, or of one; those that are named, where some are, and else
    (`needed`) those that a law needs.
    """

    law: str | None = None
    names: tuple[str, ...] = ()
    needed: bool = False

    def parameters(self) -> list[inspect.Parameter]:
        found = {}
        for law in all_noises().values():
            if self.law not in (None, law.name):
                continue
            for name, asked in law.options().items():
                if (self.names and name not in self.names) or (self.needed and not asked.needed):
                    continue
                text = asked.help
                if asked.needed and self.law is None:
                    text = f"{law.title}: {text[:1].lower()}{text[1:]}"
                optional: Any = asked.kind | None
                annotation = Annotated[optional, typer.Option(asked.flag, help=text)]
                found[name] = parameter(name, annotation, None)
        return list(found.values())


Laws = Annotated[Mapping[str, Any], LawFields()]
Needed = Annotated[Mapping[str, Any], LawFields(needed=True)]
Masks = Annotated[Mapping[str, Any], LawFields(Ablation.name)]
Kept = Annotated[Mapping[str, Any], LawFields(Ablation.name, ("num_kept", "encoding", "fill"))]
Shown = Annotated[Mapping[str, Any], LawFields(Ablation.name, ("encoding", "fill"))]
