"""An audit of a folder, as Python asks for it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from topcert.api.python_words import python_words
from topcert.api.verification import Verification
from topcert.audit.audit_log import AuditLog
from topcert.audit.auditing import Audit, Verdict, audit
from topcert.audit.bounds import audit_bounds
from topcert.audit.replaying import parse_replay
from topcert.classifiers.model_in_memory import ModelInMemory
from topcert.datasets.from_memory import in_memory_unless_named
from topcert.files import path_of
from topcert.progress.shown import Shown, StageContext, stages
from topcert.theory.scalars import whole_number


def verify(
    folder: str | Path,
    model: Any = None,
    *,
    data: Any = None,
    labels: Any = None,
    replay: int | str | None = None,
    fresh_seed: int | None = None,
    num_samples: int | None = None,
    data_dir: str | Path | None = None,
    device: str = "auto",
    num_classes: int | None = None,
    output: str | None = None,
    progress: Shown = None,
) -> Verification:
    """Check a folder of votes and certificates without trusting its maker.

    Parameters
    ----------
    folder
        What `SmoothedClassifier.vote(out=...)`, `Certificates.save` or the command wrote.
    model
        A model that you name: votes are traced to it. What only the folder names is never loaded.
    data, labels
        The inputs, if not where the run found them; needed of inputs in memory.
    replay
        Compute so many random votes again, or "all".
    fresh_seed, num_samples
        Ask for so many votes an input under new masks, of a seed of your own, and name the
        certificates that they rule out.
    data_dir, device, num_classes, output
        Where the data lies, and how the model is asked, as when voting.
    progress
        As of `SmoothedClassifier.vote`.

    Returns
    -------
    Verification
        True where everything that was checked holds. It lists what does not, what was not checked,
        and what only you can judge.

    Raises
    ------
    ValueError
        Where it cannot be checked: nothing was saved, data or model are others, or rounding on
        another runtime leaves it open.

    Examples
    --------
    >>> import topcert
    >>> topcert.verify("nowhere")
    Traceback (most recent call last):
    ValueError: there is no folder nowhere; name the folder of a run, as given to out
    """
    with python_words():
        where = path_of(folder, "folder")
        asked = audit_of(
            model,
            data=data,
            labels=labels,
            replay=replay,
            fresh_seed=fresh_seed,
            num_samples=num_samples,
            data_dir=data_dir,
            device=device,
            num_classes=num_classes,
            output=output,
        )
        found = audit_folder(where, asked, log=AuditLog(), stages=partial(stages, progress))
        if found.open is not None:
            raise ValueError(found.open)
    return Verification(found)


def audit_of(
    model: Any,
    *,
    data: Any,
    labels: Any = None,
    replay: int | str | None,
    fresh_seed: int | None,
    num_samples: int | None,
    data_dir: str | Path | None,
    device: str,
    num_classes: int | None,
    output: str | None,
) -> Audit:
    """What an auditor asks, in the words of `verify`. Raises ValueError where it does not fit."""
    named = model is None or isinstance(model, (str, Path))
    in_memory = None if named else ModelInMemory(model)
    inputs = in_memory_unless_named(data, labels)
    return Audit(
        model=None if model is None else str(model) if in_memory is None else in_memory.name,
        model_in_memory=in_memory,
        data=None if data is None else str(data) if inputs is None else inputs.name,
        data_in_memory=inputs,
        data_dir=None if data_dir is None else path_of(data_dir, "data_dir"),
        device=device,
        num_classes=None if num_classes is None else whole_number(num_classes, "num_classes"),
        output=output,
        replay=parse_replay(None if replay is None else str(replay)),
        fresh_seed=None if fresh_seed is None else whole_number(fresh_seed, "fresh_seed"),
        samples=None if num_samples is None else whole_number(num_samples, "num_samples"),
    )


def audit_folder(folder: Path, asked: Audit, *, log: AuditLog, stages: StageContext) -> Verdict:
    """Check a folder of votes, or of certificates of a network's weights.

    Raises ValueError where it cannot be checked.
    """
    check = audit_bounds if (folder / "bounds.json").is_file() else audit
    return check(folder, asked, log=log, stages=stages)
