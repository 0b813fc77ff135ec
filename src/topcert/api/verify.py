"""What an audit of a folder found, as an object."""

from __future__ import annotations

import html
from functools import partial
from pathlib import Path
from typing import Any, final

from topcert.api.python_words import in_python, python_words
from topcert.audit.audit_log import AuditLog
from topcert.audit.auditing import Audit, Verdict, audit
from topcert.audit.bounds import audit_bounds
from topcert.audit.replaying import parse_replay
from topcert.classifiers.model_in_memory import ModelInMemory
from topcert.datasets.from_memory import in_memory_unless_named
from topcert.progress.shown import Shown, StageContext, stages
from topcert.theory.scalars import whole


@final
class Verification:
    """What an audit found: `bool()` of it is whether everything that was checked holds.

    Attributes
    ----------
    findings
        What does not hold, a line each.
    not_checked
        What nobody looked at, a line each.
    to_judge
        What only a reader can judge, such as who chose the seed, a line each.
    lines
        Everything that was said on the way.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> smoothed = topcert.SmoothedClassifier(
    ...     lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=11))
    >>> votes = smoothed.vote(
    ...     np.eye(3, 12), [0, 1, 2], num_samples=100, out="eye", progress=False)
    >>> folder = votes.certify(k=1).save()
    >>> found = votes.verify(progress=False)
    >>> bool(found), found.findings
    (True, ())
    """

    def __init__(self, verdict: Verdict) -> None:
        self.verdict = verdict
        self.findings = tuple(map(in_python, verdict.findings))
        self.not_checked = tuple(map(in_python, verdict.log.not_checked))
        self.to_judge = tuple(map(in_python, verdict.log.to_judge))
        self.lines = tuple(map(in_python, verdict.log.lines))

    @property
    def good(self) -> bool:
        """Whether everything that was checked holds."""
        return not self.findings

    @property
    def replayed_votes(self) -> int | None:
        """How many votes were computed again, None where none was asked for."""
        return self.verdict.replayed_votes

    def __bool__(self) -> bool:
        return self.good

    def _result(self) -> list[str]:
        if self.good:
            return [f"good: {in_python(self.verdict.good)}"]
        return [f"does not hold: {finding}" for finding in self.findings]

    def __repr__(self) -> str:
        text = "\n  ".join([*self.lines, *self._result()])
        return f"<Verification of {self.verdict.folder}\n  {text}>"

    def _repr_html_(self) -> str:
        items = "".join(f"<li>{html.escape(line)}</li>" for line in (*self.lines, *self._result()))
        return f"<p>Verification of {html.escape(str(self.verdict.folder))}</p><ul>{items}</ul>"


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
        found = audit_folder(Path(folder), asked, log=AuditLog(), stages=partial(stages, progress))
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
        data_dir=None if data_dir is None else Path(data_dir),
        device=device,
        num_classes=None if num_classes is None else whole(num_classes, "num_classes"),
        output=output,
        replay=parse_replay(None if replay is None else str(replay)),
        fresh_seed=None if fresh_seed is None else whole(fresh_seed, "fresh_seed"),
        samples=None if num_samples is None else whole(num_samples, "num_samples"),
    )


def audit_folder(folder: Path, asked: Audit, *, log: AuditLog, stages: StageContext) -> Verdict:
    """Check a folder of votes, or of certificates of a network's weights.

    Raises ValueError where it cannot be checked.
    """
    check = audit_bounds if (folder / "bounds.json").is_file() else audit
    return check(folder, asked, log=log, stages=stages)
