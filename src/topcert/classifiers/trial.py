"""A model on some real ablated inputs, before a run: which output is the answer, how many classes,
and whether it fits.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.answers import as_array, checked_answer, out_of_range
from topcert.classifiers.class_names import names_of
from topcert.classifiers.classifier import Classifier, breaks, failure
from topcert.classifiers.outputs import Choice, choose_output

WARM: Final = 0.5  # in all values of the first batch that a model sees


@final
@dataclass(frozen=True, kw_only=True)
class TrialResult:
    """What came of it."""

    choice: Choice
    num_classes: int


def try_model(
    run: Callable[[NDArray[Any]], Any],
    example: NDArray[np.floating],
    *,
    model: Any,
    output: str | None,
    num_classes: int | None,
    depth: int = 1,
) -> TrialResult:
    """Run a model on `example`, ablated inputs `(rows, ...)`, and choose its output: `output`, or
    by the rule.

    A model that gives labels has `num_classes`, or what its attributes `num_classes` or
    `class_names` say, or two where it gives booleans. `depth` is how many labels a ballot names.
    Raises ValueError where it fails on every row, gives no answer, or the number of classes is
    unknown.
    """
    with suppress(ValueError):  # what is fitted to the first batch is fitted to no input of a run
        first_output(run, np.full_like(example[:1], WARM))
    given = first_output(run, example)
    choice = choose_output(given, rows=len(example), asked=output)
    known = num_classes if depth > 1 else None  # of integers it tells scores from labels
    answer = checked_answer(
        choice.of(given), batch_size=len(example), num_classes=known, depth=depth
    )
    ranked = depth > 1 and answer.shape[1] == depth and answer.dtype.kind in "iu"
    if answer.ndim == 2 and not ranked:
        classes: Any = answer.shape[1]
        if num_classes not in (None, classes):
            raise ValueError(
                f"--classes is {num_classes}, the model gives {classes} scores; leave --classes out"
            )
        if num_classes is None and may_be_labels(answer):
            taken_as = (
                f"the model gives {classes} integers for each input, which are taken as scores of"
                f" {classes} classes; where they are labels, the best first, say --ballot {classes}"
                " and --classes"
            )
            choice = replace(choice, note="; ".join(filter(None, (choice.note, taken_as))))
        return TrialResult(choice=choice, num_classes=int(classes))
    classes = num_classes or getattr(model, "num_classes", None) or len(names_of(model, None) or ())
    if not classes and as_array(choice.of(given)).dtype.kind == "b":
        classes = 2
    if not isinstance(classes, int) or classes < 2:
        raise ValueError(
            "the model returns labels, so say how many classes there are: --classes, or num_classes"
            " in Python"
        )
    return TrialResult(choice=choice, num_classes=classes)


def may_be_labels(answer: NDArray[Any]) -> bool:
    """Whether scores are integers that could as well be ranked labels: different in each row, none
    below 0.
    """
    ordered = np.sort(answer, axis=1)
    return bool(
        answer.dtype.kind in "iu"
        and (ordered[:, :1] >= 0).all()
        and (np.diff(ordered, axis=1) != 0).all()
    )


def first_output(run: Callable[[NDArray[Any]], Any], example: NDArray[np.floating]) -> Any:
    """What a model gives for the rows of `example`, or for one of them in copies where it raises on
    all together.

    Raises ValueError where it raises on every one: then it is no single row's fault.
    """
    size, first = len(example), None
    for row in (None, *range(size)):
        try:
            return run(example if row is None else np.repeat(example[row : row + 1], size, axis=0))
        except (KeyboardInterrupt, GeneratorExit):
            raise
        # a person's model can raise anything; extensions have exceptions of their own
        except BaseException as error:
            first = first or error
            if breaks(error):
                break
    assert first is not None
    raise ValueError(failure(example.shape, first)) from first


def check_ballot(depth: int, num_classes: int) -> None:
    """Raises ValueError where no ballot can name so many of the classes: one must be left out."""
    if not 1 <= depth < num_classes:
        raise ValueError(
            f"--ballot must lie in 1 .. {num_classes - 1}, one less than the {num_classes} classes;"
            f" got {depth}"
        )


def check_trial(classifier: Classifier, example: NDArray[np.floating]) -> None:
    """Raises ValueError where the model has an answer to no row of `example`, or one that
    `refuse_labels` is about.

    It is made for other inputs then: a run would only collect the labels of `UNDEFINED_LABEL`.
    """
    found = [classifier.read(batch) for batch in in_batches(example, classifier.batch_size)]
    label = next((part.label for part in found if part.label is not None), None)
    answered = any(not part.undefined.all() for part in found)
    if label is not None and (classifier.refuse_labels or not answered):
        raise ValueError(out_of_range(label, classifier.num_classes))
    if answered:
        return
    reason = next((part.reason for part in found if part.reason), "")
    if reason:
        raise ValueError(reason)
    if any(part.repeated.any() for part in found):
        raise ValueError(
            f"the model named a label twice for {sum(int(part.repeated.sum()) for part in found)}"
            f" of {len(example)} ablated inputs, and had no answer to the others; a ballot holds"
            f" {classifier.depth} different labels"
        )
    raise ValueError(
        f"the model gave scores that are NaN or infinite for each of {len(example)} ablated inputs;"
        " mend the model, or clip its output"
    )


def in_batches(example: NDArray[np.floating], size: int | None) -> list[NDArray[np.floating]]:
    """The rows of `example` in batches of `size`, the last one filled up from the first; None for
    as they are.
    """
    if size is None:
        return [example]
    count = -(-len(example) // size)
    return np.split(np.resize(example, (count * size, *example.shape[1:])), count)
