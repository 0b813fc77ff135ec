"""The votes of a run: the record from which certificates are made, without a new pass."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import ArrayLike, NDArray

from topcert.api.certificates import Certificates
from topcert.api.certified_votes import certified
from topcert.api.origins import FromVotes, check_new, copy_votes
from topcert.api.python_words import python_words
from topcert.api.staying import stay_of_votes
from topcert.api.temporary_folder import TemporaryFolder
from topcert.api.vote_pictures import picture
from topcert.data_frames import to_frame
from topcert.evaluation.wording import noise_in_words, raw_of, votes_in_words
from topcert.files import path_of
from topcert.html_tables import html_table
from topcert.methods.certificate_table import LabelChoice
from topcert.modalities.raw_input import RawInput
from topcert.progress.shown import Shown, stages
from topcert.theory.scalars import whole_number
from topcert.voting.given_names import Names
from topcert.voting.inputs import Inputs
from topcert.voting.ledger import Ledger
from topcert.voting.manifest import Manifest

if TYPE_CHECKING:
    from topcert.api.verification import Verification


@final
class Votes:
    """Every vote of a run, in memory or in a folder.

    Made by `SmoothedClassifier.vote` or `open_votes`. Certificates at any k, alpha and by any
    method of its noise follow from them with no new passes.

    Attributes
    ----------
    ledger
        The record itself.
    raw
        What the certified arrays were made of, where that is something else, or None.
    notes
        What a person should know of how the data was read, a line each.

    Examples
    --------
    >>> import numpy as np, topcert
    >>> smoothed = topcert.SmoothedClassifier(
    ...     lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=11))
    >>> votes = smoothed.vote(np.eye(3, 12), [0, 1, 2], num_samples=100, progress=False)
    >>> len(votes), votes.num_samples, votes.in_memory
    (3, 100, True)
    >>> votes.certify(k=1).radii()
    array([0, 0, 0])
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        raw: RawInput | None = None,
        notes: Sequence[str] = (),
        choice: LabelChoice | None = None,
        keeper: TemporaryFolder | None = None,
    ) -> None:
        self.ledger = ledger
        self.raw = raw_of(ledger.manifest) if raw is None else raw
        self.notes = tuple(notes)
        self._choice = choice
        self._keeper = keeper  # its folder goes with it

    @property
    def folder(self) -> Path:
        """Where the votes lie: the folder of the run, or a temporary one."""
        return self.ledger.folder

    @property
    def in_memory(self) -> bool:
        """Whether they go with this object; `save` keeps them."""
        return self._keeper is not None

    @property
    def manifest(self) -> Manifest:
        """What decides the votes."""
        return self.ledger.manifest

    @property
    def num_inputs(self) -> int:
        """How many inputs there are."""
        return self.manifest.num_inputs

    @property
    def num_classes(self) -> int:
        """How many classes the model has."""
        return self.manifest.num_classes

    @property
    def num_samples(self) -> int:
        """Votes of each input that certify; under a stopping rule the most that it may have."""
        return self.manifest.num_samples

    @property
    def num_named(self) -> int:
        """Labels that each vote names."""
        return self.manifest.depth

    @cached_property
    def _inputs(self) -> Inputs:
        return self.ledger.read_inputs()

    @property
    def index(self) -> NDArray[np.int64]:
        """The places of the inputs in the whole data, int64 `(inputs,)`."""
        return self._inputs.indices

    @property
    def labels(self) -> NDArray[np.int64] | None:
        """True labels, int64 `(inputs,)`, or None."""
        return self._inputs.labels

    @cached_property
    def names(self) -> Names:
        """What inputs and classes are called."""
        return self.ledger.read_names()

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """How often each class is named by the votes that certify, int64 `(inputs, classes)`."""
        return self.ledger.counts()

    def __len__(self) -> int:
        return self.num_inputs

    def __repr__(self) -> str:
        named = "" if self.num_named == 1 else f", {self.num_named} labels each"
        where = "in memory" if self.in_memory else str(self.folder)
        return (
            f"<Votes: {self.num_inputs:,} inputs, {self.num_classes} classes,"
            f" {votes_in_words(self.manifest)}{named}; {noise_in_words(self.manifest)},"
            f" seed {self.manifest.seed}; {where}>"
        )

    def certify(
        self,
        method: str | None = None,
        *,
        k: int | Sequence[int] | None = None,
        alpha: float | None = None,
        label_choice: LabelChoice | None = None,
        bounds: str | None = None,
        num_named: int | None = None,
        moves: Sequence[str] | None = None,
        progress: Shown = None,
    ) -> Certificates:
        """Certificates of these votes; the model is not asked.

        Parameters
        ----------
        method
            The certificate, by its name (`topcert methods` lists them); None for the usual one of
            the noise: "ablation", "design" for a design, "cohen" or for k > 1 "jia-2020" for
            Gaussian noise, "lee" for discrete noise.
        k
            One k or several; 3 unless the method or the number of classes allows less.
        alpha
            The chance that any certificate of an input is wrong; 0.001. A design has none.
        label_choice
            "given", "predicted" or "selected"; None for given labels where there are some.
        bounds
            Of "ablation", "simuem" (its own) or "intersection-union".
        num_named
            Only so many labels of each vote count, the best; None for all.
        moves
            What an attacker may do, some of "insert", "delete" and "rewrite"; None for what is
            usual of such inputs. More than "rewrite" takes inputs of which a model sees the kept
            features alone, such as sets of points.
        progress
            As of `SmoothedClassifier.vote`; only "located" takes long enough to show any.

        Returns
        -------
        Certificates
            One for each input and k, or of predicted labels k for each.

        Raises
        ------
        ValueError
            Where the method does not fit the noise, k or the labels; votes that were drawn under a
            stopping rule have certificates for its k, alpha, method and labels alone.

        Examples
        --------
        >>> import numpy as np, topcert
        >>> smoothed = topcert.SmoothedClassifier(
        ...     lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=6))
        >>> x = np.random.default_rng(0).random((4, 12))
        >>> votes = smoothed.vote(x, [0, 1, 1, 0], num_samples=200, progress=False)
        >>> votes.certify(k=2).alpha, votes.certify(k=2, alpha=0.05).k
        (0.001, (2,))
        """
        with python_words(), stages(progress) as stage:
            update = stage("pairs of features", unit="inputs")
            results = certified(
                self.ledger,
                method=method,
                k=k,
                alpha=alpha,
                label_choice=label_choice,
                usual_choice=self._choice,
                bounds=bounds,
                num_named=num_named,
                moves=moves,
                on_pairs=lambda done, total: update(done, total, ""),
            )
        return Certificates(
            results.certificates,
            curves=results.curves,
            origin=FromVotes(results, raw=self.raw, keeper=self._keeper),
        )

    def stay_radii(
        self,
        sets: ArrayLike | str = "predicted",
        *,
        k: int | None = None,
        alpha: float | None = None,
        bounds: str | None = None,
        moves: Sequence[str] | None = None,
    ) -> NDArray[np.int64]:
        """How far at least 1, 2, .. labels of a set stay among the top k, by Theorem S.

        Parameters
        ----------
        sets
            Labels of each input that were named before the votes, such as all that are true, int
            `(inputs, labels)`, -1 in the place of none; or "predicted" for the k most voted, or
            "selected" for those of the first sample.
        k
            How many labels are shown; 3, or fewer where there are fewer classes.
        alpha
            The chance that any radius of an input is wrong; 0.001.
        bounds
            "simuem" (None) bounds all classes at once, "intersection-union" only what the claims
            need: the better the more classes there are.
        moves
            As of `certify`.

        Returns
        -------
        ndarray
            int64 `(inputs, min(k, labels))`, in column m - 1 the radius at which at least m labels
            stay, `topcert.ABSTAIN` where none is certified. Over k it is the certified precision of
            the top k, over the size of a set its recall.

        Raises
        ------
        ValueError
            For votes of a design, of a stopping rule or under other noise, and for what are no
            sets.

        Examples
        --------
        >>> import numpy as np, topcert
        >>> smoothed = topcert.SmoothedClassifier(
        ...     lambda batch: batch[:, :4], noise=topcert.Ablation(num_kept=6))
        >>> x = np.tile(np.linspace(1, 0, 12), (2, 1))
        >>> votes = smoothed.vote(x, num_samples=500, progress=False)
        >>> votes.stay_radii(k=2), votes.stay_radii([[0, 3], [1, -1]], k=2)
        (array([[0, 0], [0, 0]]), array([[ 0, -1], [ 0, -1]]))
        """
        with python_words():
            return stay_of_votes(
                self.ledger, self.counts, sets, k=k, alpha=alpha, bounds=bounds, moves=moves
            )

    def verify(
        self,
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
        """Check the folder of these votes, and the certificates that were saved in it.

        Parameters
        ----------
        model
            A model that you name: votes are traced to it. What only the folder names is never
            loaded. It is what `SmoothedClassifier` takes, or one of these.
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
            What does not hold, what was not checked, and what only you can judge.

        Raises
        ------
        ValueError
            Where it cannot be checked: nothing was saved, data or model are others, or rounding on
            another runtime leaves it open.
        """
        from topcert.api.verify import verify  # matplotlib

        return verify(
            self.folder,
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
            progress=progress,
        )

    def save(self, folder: str | Path) -> Votes:
        """Keep the votes in a new folder.

        Parameters
        ----------
        folder
            A folder that does not exist yet, or is empty.

        Returns
        -------
        Votes
            The votes of that folder.

        Raises
        ------
        ValueError
            Where something lies there already.
        """
        where = path_of(folder, "folder")
        check_new(where)
        copy_votes(self.folder, where)
        return Votes(Ledger.open(where), raw=self.raw, notes=self.notes, choice=self._choice)

    def plot(self, ax: Any = None, *, row: int | None = None) -> Any:
        """Draw what the votes say.

        Parameters
        ----------
        ax
            Axes to draw on; without any a new figure is made (`ax.figure`).
        row
            One input, `0 .. len(votes) - 1`: the classes that most of its votes name. None for all
            inputs: how many of them give which share of their votes to one label, and whether that
            is the true one, where labels are known.

        Returns
        -------
        matplotlib.axes.Axes

        Raises
        ------
        ValueError
            Where there is no such row, or `ax` are no axes.

        Examples
        --------
        >>> import numpy as np, topcert
        >>> smoothed = topcert.SmoothedClassifier(
        ...     lambda batch: batch[:, :3], noise=topcert.Ablation(num_kept=11))
        >>> votes = smoothed.vote(np.eye(3, 12), [0, 1, 2], num_samples=100, progress=False)
        >>> votes.plot().get_ylabel(), votes.plot(row=0).get_title()
        ('inputs', 'input 0: 100 votes')
        """
        return picture(self, ax, None if row is None else whole_number(row, "row"))

    def to_pandas(self) -> Any:
        """Counts as a DataFrame: a row an input, a column a class (by its name, where it has one).

        Raises ImportError, saying what to do, where there is no pandas.
        """
        return to_frame(self._columns())

    def _repr_html_(self) -> str:
        columns = self._columns()
        rows = list(zip(*columns.values(), strict=True))
        return html_table(list(columns), rows, caption=repr(self)[1:-1])

    def _columns(self) -> dict[str, Any]:
        columns: dict[str, Any] = {"index": self.index}
        if self.names.inputs is not None:
            columns["name"] = list(self.names.inputs)
        if self.labels is not None:
            columns["label"] = self.labels
        for label in range(self.num_classes):
            columns[self.names.of_class(label) or str(label)] = self.counts[:, label]
        return columns
