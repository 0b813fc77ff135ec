"""A classifier smoothed by noise: the one object that a person holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, final

from topcert.api.arguments import check_noise, check_object
from topcert.api.cost import Cost, time_passes
from topcert.api.labels_asked import LabelsAsked
from topcert.api.prediction import Prediction
from topcert.api.python_words import python_words
from topcert.api.request_of import request_of
from topcert.api.votes import Votes
from topcert.api.voting_run import VotingRun
from topcert.classifiers.classifier import check_device
from topcert.classifiers.torch_options import TorchOptions
from topcert.datasets.class_order import checked_names
from topcert.datasets.reading import Reading
from topcert.evaluation.choices import MAX_SAMPLES, choose_samples
from topcert.evaluation.predictions import Predictions
from topcert.files import path_of
from topcert.methods.certificate_table import LabelChoice
from topcert.noise.ablation import Ablation
from topcert.noise.law import IID, Noise
from topcert.progress.shown import Shown
from topcert.theory.scalars import switch, whole_number
from topcert.theory.stopping_rules import Stopping
from topcert.voting.executors.executor import Executor
from topcert.voting.prepare import prepare
from topcert.voting.request import Request
from topcert.voting.share import Share


@final
class SmoothedClassifier:
    """A classifier that votes over many noisy copies of each input.

    Parameters
    ----------
    model
        A torch module, a fitted scikit-learn estimator, or a function from a batch of noisy inputs
        to scores `(B, classes)`, labels `(B,)` or ranked labels `(B, num_named)`; or, as text or a
        path, what the command takes: a carried network ("compact"), an .onnx or .joblib file, or
        "module:function". It must be a deterministic function of each row alone: that is checked
        before anything is stored, and again at the end. A torch module is put into evaluation mode.
    noise
        What each copy is shown: `topcert.Ablation`, `topcert.Gaussian` or `topcert.Discrete`.
    unit
        What one feature is: "pixel", "feature", "column" or "point"; None for what suits the data.
    num_named
        How many labels each vote names, the best first (w; the paper has 1). Another number is
        another classifier.
    num_classes
        How many classes there are; needed only where the model gives labels.
    class_names
        What the model calls its classes, in its order; needed where data names its classes and the
        model does not.
    output
        Which of several outputs of the model is the answer, by its name or place.
    device
        "auto", "cpu", "cuda" or "cuda:N", for torch modules and ONNX networks.
    batch_size
        Noisy copies a batch; None for what suits the model. Part of the record: another batch size
        may round otherwise.
    torch_options
        How a torch module is run: in half precision, say. Part of the record; None for what a run
        that goes on was begun with, else the usual way.
    executor
        Who computes the votes: `topcert.InProcess`, `topcert.Processes`, `topcert.Ray`, or one of
        your own; None for this process, or several where these are faster. The votes are the same
        whoever does.

    Raises
    ------
    ValueError
        Where `noise` is no law of noise, or a number is no whole number. The model itself is tried
        when it votes.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> x, labels = np.random.default_rng(0).random((4, 12)), np.array([0, 1, 1, 0])
    >>> def model(batch):
    ...     return batch[:, :3]
    >>> smoothed = topcert.SmoothedClassifier(model, noise=topcert.Ablation(num_kept=6))
    >>> votes = smoothed.vote(x, labels, num_samples=200, progress=False)
    >>> votes.counts.sum(axis=1)
    array([200, 200, 200, 200])
    """

    def __init__(
        self,
        model: Any,
        *,
        noise: Noise,
        unit: str | None = None,
        num_named: int = 1,
        num_classes: int | None = None,
        class_names: Sequence[str] | None = None,
        output: str | None = None,
        device: str = "auto",
        batch_size: int | None = None,
        torch_options: TorchOptions | None = None,
        executor: Executor | None = None,
    ) -> None:
        check_noise(noise)
        if executor is not None:
            check_object(executor, Executor, "executor", such_as="topcert.Processes()")
        self.model = model
        self.noise = noise
        self.unit = unit
        self.num_named = whole_number(num_named, "num_named")
        self.num_classes = None if num_classes is None else whole_number(num_classes, "num_classes")
        self.class_names = None if class_names is None else checked_names(class_names)
        self.output = output
        with python_words():
            check_device(device)
        self.device = device
        self.batch_size = None if batch_size is None else whole_number(batch_size, "batch_size")
        if torch_options is not None:
            such_as = "topcert.TorchOptions(precision='bfloat16')"
            check_object(torch_options, TorchOptions, "torch_options", such_as=such_as)
        self.torch_options = torch_options
        self.executor = executor

    def __repr__(self) -> str:
        named = "" if self.num_named == 1 else f", num_named={self.num_named}"
        return f"SmoothedClassifier({_called(self.model)}, noise={self.noise!r}{named})"

    def vote(
        self,
        x: Any,
        labels: Any = None,
        *,
        num_samples: int | None = None,
        num_selection: int | None = None,
        label_choice: LabelChoice | None = None,
        stop: Stopping | None = None,
        seed: int = 0,
        out: str | Path | None = None,
        resume: bool = True,
        reading: Reading | None = None,
        progress: Shown = None,
    ) -> Votes:
        """Ask the model about noisy copies of each input, and keep every vote.

        Parameters
        ----------
        x
            The inputs: an array or a tensor (images `(inputs, H, W, C)` or `(inputs, C, H, W)` in
            [0, 1], tables `(inputs, columns)`, sets of points `(inputs, points, coordinates)`), a
            DataFrame, a torch Dataset or a DataLoader that does not shuffle; or, as text or a path,
            what the command takes: the name of a set, a folder of pictures, an .npz or .npy file.
        labels
            True labels, integers or names `(inputs,)`, or the name of a column of a DataFrame.
        num_samples
            Votes of each input (n); 10,000 unless a design says another number. Under `stop` the
            most that an input may have, 100,000.
        num_selection
            Votes of a first sample that only selects the label to certify; 100 where `label_choice`
            is "selected", else none.
        label_choice
            Which labels are to be certified, where that is known: "given", "predicted" or
            "selected". It is the default of `Votes.certify`; data whose classes cannot be matched
            to the model's is refused unless it is "predicted" or "selected".
        stop
            A rule by which each input has only as many votes as its answer takes.
        seed
            Names the noise: the same seed gives the same votes. Inputs and model must be fixed
            before it is drawn.
        out
            A folder for the votes. Without it they are kept in a temporary folder, which is removed
            with the object.
        resume
            Whether to go on with the run that `out` holds; else a folder with a run is refused.
        reading
            How data is read: which inputs of a set, the range of values, where channels are.
        progress
            None for a bar in a terminal or notebook and lines in a log, False for nothing, or a
            function that is called with the stage, what is done and the total.

        Returns
        -------
        Votes
            The votes of every input, from which certificates are made.

        Raises
        ------
        ValueError
            Where anything does not fit or is in doubt, `out` holds another run, or the model is no
            function of one row. What is stored stays.
        """
        with python_words():
            chosen, request = self._asked(
                x,
                labels,
                num_samples=num_samples,
                num_selection=num_selection,
                label_choice=label_choice,
                stop=stop,
                seed=seed,
                reading=reading,
            )
            run = VotingRun(request, out, resume=switch(resume, "resume"))
            chosen.check(has_labels=run.has_labels)
            return run.votes(progress, choice=chosen.choice, executor=self.executor)

    def vote_share(
        self,
        x: Any,
        labels: Any = None,
        *,
        share: str,
        out: str | Path,
        num_samples: int | None = None,
        num_selection: int | None = None,
        label_choice: LabelChoice | None = None,
        seed: int = 0,
        reading: Reading | None = None,
        progress: Shown = None,
    ) -> Path:
        """Compute a share of a run's blocks into a folder, for `topcert.merge` to put together.

        For machines that have nothing in common but a way to copy files; `topcert.Ray` needs no
        shares. After `merge` call `vote` with the merged folder as `out`: it replays some of the
        votes, and computes what is missing.

        Parameters
        ----------
        share
            "I/N" is share I of N, counted from 1.
        out
            A folder for it; a share that was stopped goes on there.
        x, labels, num_samples, num_selection, label_choice, seed, reading, progress
            As of `vote`, the same for every share.

        Returns
        -------
        Path
            The folder.

        Raises
        ------
        ValueError
            As `vote`, and where the share is none.
        """
        with python_words():
            asked = Share.read(share)
            chosen, request = self._asked(
                x,
                labels,
                num_samples=num_samples,
                num_selection=num_selection,
                label_choice=label_choice,
                stop=None,
                seed=seed,
                reading=reading,
            )
            folder = path_of(out, "out")
            run = VotingRun(request, folder, resume=True)
            chosen.check(has_labels=run.has_labels)
            run.votes(progress, choice=chosen.choice, executor=self.executor, share=asked)
        return folder

    def _asked(
        self,
        x: Any,
        labels: Any,
        *,
        num_samples: int | None,
        num_selection: int | None,
        label_choice: LabelChoice | None,
        stop: Stopping | None,
        seed: int,
        reading: Reading | None,
    ) -> tuple[LabelsAsked, Request]:
        """Which labels are to be certified, and the run that `vote` is asked for."""
        chosen = LabelsAsked.of(label_choice, stop=stop, num_selection=num_selection)
        if stop is not None:
            stop = replace(stop, num_named=self.num_named)
        return chosen, request_of(
            self,
            x,
            labels,
            num_samples=self._samples(num_samples, stop),
            num_selection=chosen.num_selection,
            stopping=stop,
            seed=seed,
            reading=reading,
            unmatched=chosen.unmatched,
        )

    def predict(
        self,
        x: Any,
        *,
        k: int | None = None,
        method: str | None = None,
        alpha: float | None = None,
        num_samples: int | None = None,
        stop: str | None = None,
        max_seconds: float | None = None,
        seed: int | None = None,
        out: str | Path | None = None,
        reading: Reading | None = None,
        progress: Shown = None,
    ) -> Predictions:
        """The k labels that the smoothed classifier shows for each input, each with its radius.

        Parameters
        ----------
        x
            Inputs, as `vote` takes them; they may be an attacker's.
        k
            Labels to show; 3, or fewer where there are fewer classes.
        method
            The certificate: "ablation" of independent masks, with `stop` also "located"; of a
            design "design", its own, "fpa" or "run-off".
        alpha
            The chance that any radius of an input is wrong; 0.001. A design has none.
        num_samples
            Votes of each input; 10,000 unless a design says another number. Under `stop` and
            `max_seconds` the most that an input may have, 100,000.
        stop
            Each input has only as many votes as the answer to a question about its labels takes:
            "radius=R" (are they at least R?), "table" (min(radius, 5)) or "exact" (the radii).
            A first sample of 100 votes then chooses the k labels, each is certified at alpha / k,
            and nothing is kept.
        max_seconds
            About how many seconds this call may take: no more votes are cast than leave time for
            the check of the model after them. It ends `stop`, "exact" where that is left out. Each
            input has 132 votes at the least, however long they take.
        seed
            Names the masks. Without one they are drawn afresh at every call, so that an attacker
            could not know them; the masks of a design are published, and those of seed 0.
        out
            A folder to keep the run in.
        reading, progress
            As of `vote`.

        Returns
        -------
        Predictions
            For each input its labels, most voted first, with their votes and radii; a label that
            the votes do not put among the top k has the radius None.

        Raises
        ------
        ValueError
            As `vote`; and where the method is not one of these, or does not fit the noise.
        """
        with python_words():
            asked = Prediction.of(
                method,
                design=None if self.noise.law == IID else self.noise.law,
                alpha=alpha,
                num_named=self.num_named,
                stop=stop,
                max_seconds=max_seconds,
            )
            if self.noise.name != Ablation.name:
                raise ValueError(
                    f"predict is for the noise ablation, and this is {self.noise!r}; use vote, and"
                    " certify with label_choice='predicted'"
                )
            folder = None if out is None else path_of(out, "out")
            asked.check_folder(folder)
            rule = asked.rule(k, self.num_named)
            request = request_of(
                self,
                x,
                None,
                num_samples=self._samples(num_samples, rule),
                num_selection=asked.num_selection,
                stopping=rule,
                seed=asked.seed(None if seed is None else whole_number(seed, "seed"), folder),
                reading=reading,
                unmatched="leave out",
                refuse_labels=False,
            )
            run = VotingRun(request, folder, method=asked.method)
            k = asked.k(k, run.num_classes)
            votes = run.votes(
                progress, choice="predicted", executor=self.executor, budget=asked.budget
            )
            return asked.show(votes, k, keep=folder is not None)

    def cost(
        self,
        x: Any,
        labels: Any = None,
        *,
        num_samples: int | None = None,
        reading: Reading | None = None,
    ) -> Cost:
        """What `vote` on these inputs takes on this machine: the model is timed, no vote is kept.

        Parameters
        ----------
        x, labels, reading
            As of `vote`.
        num_samples
            Votes of each input; 10,000 unless a design says another number.

        Returns
        -------
        Cost
            Passes, their rate, and what all of them take.

        Raises
        ------
        ValueError
            As `vote`, where model, noise and inputs do not fit.

        Examples
        --------
        >>> import numpy as np, topcert
        >>> smoothed = topcert.SmoothedClassifier(
        ...     lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=6))
        >>> smoothed.cost(np.random.default_rng(0).random((4, 12)), num_samples=100).passes
        400
        """
        with python_words():
            request = request_of(
                self,
                x,
                labels,
                num_samples=self._samples(num_samples, None),
                seed=0,
                reading=reading,
                unmatched="leave out",
            )
            return time_passes(prepare(request))

    def under(self, noise: Noise) -> SmoothedClassifier:
        """The same model under another noise.

        Parameters
        ----------
        noise
            What each copy is shown then.

        Returns
        -------
        SmoothedClassifier
        """
        return SmoothedClassifier(
            self.model,
            noise=noise,
            unit=self.unit,
            num_named=self.num_named,
            num_classes=self.num_classes,
            class_names=self.class_names,
            output=self.output,
            device=self.device,
            batch_size=self.batch_size,
            torch_options=self.torch_options,
            executor=self.executor,
        )

    def _samples(self, given: int | None, stop: Stopping | None) -> int:
        """Votes an input: what was asked for, else the usual number."""
        if stop is not None and given is None:
            return MAX_SAMPLES
        asked = None if given is None else whole_number(given, "num_samples")
        return choose_samples(asked, self.noise.law)


def _called(model: Any) -> str:
    """A model as it is printed: by its name, or what is in memory by that of its class."""
    if isinstance(model, (str, Path)):
        return repr(str(model))
    return str(getattr(model, "__qualname__", type(model).__name__))
