"""Commands that one command suggests: what certifies by a setting that was tried."""

from __future__ import annotations

from collections.abc import Mapping

from topcert.evaluation.tuning import Trial
from topcert.noise.law import IID
from topcert.randomization.lattice import read_strides
from topcert.voting.request import Request


def certify_command(trial: Trial, asked: Request, *, k: int, more: Mapping[str, object]) -> str:
    """What certifies other inputs by the setting of a trial.

    They are read, and shown to the model, as those of `asked` were; `more` holds further options by
    name, None for those that were not given.
    """
    words = ["topcert certify DATA", asked.model, "--method", trial.method]
    # then it says how many it keeps
    strided = trial.law != IID and read_strides(trial.law) is not None
    words += [] if trial.law == IID else ["--design", trial.law]
    words += [] if strided else ["--keep", str(trial.num_kept)]
    words += ["--samples", str(trial.passes), "--k", str(k)]
    words += [] if trial.num_named == 1 else ["--ballot", str(trial.num_named)]
    reading = asked.reading
    span = reading.value_range
    given = {
        "--unit": asked.unit,
        "--resize": reading.resize,
        "--crop": reading.crop,
        "--channels": reading.channels,
        "--range": None if span is None else f"{span[0]!r} {span[1]!r}",
        "--classes": asked.num_classes,
        "--output": asked.output,
        **more,
    }
    words += [f"{option} {value}" for option, value in given.items() if value is not None]
    return " ".join([*words, "--out RUN"])
