"""Errors as Python says them: where a message names an option of the command line, the argument."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Final

# The argument that each option is in Python; those of laws of noise are their own fields.
ARGUMENTS: Final = {
    "--alpha": "alpha",
    "--ballot": "num_named",
    "--batch-size": "batch_size",
    "--bounds": "bounds",
    "--channels": "channels",
    "--channels-last": "channels_last",
    "--class-names": "class_names",
    "--classes": "num_classes",
    "--crop": "crop",
    "--data": "data",
    "--data-dir": "data_dir",
    "--device": "device",
    "--epochs": "epochs",
    "--executor": "executor",
    "--features": "num_features",
    "--fresh-seed": "fresh_seed",
    "--hold-out": "hold_out",
    "--k": "k",
    "--keep-at-first": "num_kept_at_first",
    "--label": "label_choice",
    "--limit": "limit",
    "--masks": "num_masks",
    "--max-radius": "max_radius",
    "--max-samples": "num_samples",
    "--max-seconds": "max_seconds",
    "--method": "method",
    "--moves": "moves",
    "--model": "model",
    "--noise": "law",
    "--num-cpus": "num_cpus",
    "--num-gpus": "num_gpus",
    "--optimizer": "optimizer",
    "--out": "out",
    "--output": "output",
    "--precision": "precision",
    "--price": "price",
    "--radius": "radius",
    "--range": "value_range",
    "--ray": "address",
    "--replay": "replay",
    "--resize": "resize",
    "--resources": "resources",
    "--resume": "resume=True",
    "--samples": "num_samples",
    "--schedule": "schedule",
    "--seed": "seed",
    "--selection": "num_selection",
    "--shard": "share",
    "--skip-unreadable": "skip_unreadable",
    "--start-from": "start_from",
    "--stop": "stop",
    "--stride": "stride",
    "--teacher": "teacher",
    "--teacher-share": "teacher_share",
    "--unit": "unit",
    "--views": "views",
    "--workers": "workers",
}

# What is said of both already, and what a command takes from a file.
_BOTH: Final = re.compile(
    r"--[a-z-]+(?: [A-Z]+| [0-9]+| pixel| point| first or --channels last)*,?"
    r" \((\w+=\w*)(?: in Python)?\)"
)
_EITHER: Final = re.compile(r"--[a-z-]+, or (\w+) in Python")
_NAMES: Final = re.compile(r"--class-names FILE, a name a line in the model's order")
_OPTION: Final = re.compile(r"(?<![\w./-])--[a-z]+(?:-[a-z]+)*(?![\w/-])")


def in_python(text: str, more: Mapping[str, str] = MappingProxyType({})) -> str:
    """A message with the arguments of Python in the place of options.

    `more` are arguments of another distribution's calls, by their options.

    Examples
    --------
    >>> in_python("--samples must be at least 1, got 0")
    'num_samples must be at least 1, got 0'
    >>> in_python("judge each row alone: --batch-size 1 (batch_size=1 in Python)")
    'judge each row alone: batch_size=1'
    >>> in_python("there is no folder runs/my--seed/x")
    'there is no folder runs/my--seed/x'
    """
    text = _NAMES.sub("class_names=, in the model's order", text)
    text = _EITHER.sub(r"\1", _BOTH.sub(r"\1", text))
    return _OPTION.sub(lambda found: more.get(found[0]) or _argument(found[0]), text)


def _argument(option: str) -> str:
    """The argument that an option is, of a law of noise too; else the option itself."""
    if option in ARGUMENTS:
        return ARGUMENTS[option]
    from topcert.noise.registered_laws import all_noises

    fields = {
        asked.flag: name for law in all_noises().values() for name, asked in law.options().items()
    }
    return fields.get(option, option)


_told_as_options: Final = ContextVar("told_as_options", default=False)


@contextmanager
def option_words() -> Iterator[None]:
    """Within it, `python_words` changes nothing: the command line calls what Python calls."""
    before = _told_as_options.set(True)
    try:
        yield
    finally:
        _told_as_options.reset(before)


@contextmanager
def python_words(more: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """Within it, a ValueError says what Python calls things; `more` as of `in_python`."""
    if _told_as_options.get():
        yield
        return
    try:
        yield
    except ValueError as error:
        if error.args and isinstance(error.args[0], str):
            error.args = (in_python(error.args[0], more), *error.args[1:])
        raise
