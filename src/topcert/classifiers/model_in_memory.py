"""A model that a person holds in memory, in the place of one that a name means."""

from __future__ import annotations

import copy
import hashlib
import inspect
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from topcert.classifiers.classifier import Classifier
from topcert.classifiers.loading import wrap
from topcert.classifiers.second_instance import SecondInstance
from topcert.classifiers.torch_options import TorchOptions

COPIED: Final = "a copy of it, made before it was asked"


@final
class ModelInMemory:
    """A torch module, a fitted scikit-learn estimator or a function, as one run uses it.

    `name` is what manifests and messages call it. A copy is made at once, before the model is asked
    anything: the second instance, which knows nothing of what the first one remembers. Of a
    function there is none, nor where no `second` is to be asked.
    """

    def __init__(self, model: Any, *, second: bool = True) -> None:
        self.model = model
        self.name = f"{_called(model)} in memory"
        self._source = _source(model)  # once: a function that came from another process has none
        self._copy: Any = None
        self._why = f"{self.name} cannot be copied"
        if _is_code(model):
            self._why = f"{self.name} is code, which cannot be loaded a second time"
            return
        if not second:
            self._why = f"{self.name} was not copied"
            return
        try:
            self._copy = copy.deepcopy(model)
        except Exception as error:  # a person's object can raise anything
            self._why = f"{self.name} cannot be copied ({type(error).__name__})"

    def load(
        self,
        *,
        example: NDArray[np.floating],
        device: str = "auto",
        num_classes: int | None = None,
        output: str | None = None,
        refuse_labels: bool = True,
        depth: int = 1,
        torch_options: TorchOptions | None = None,
    ) -> Classifier:
        """The classifier that it is; arguments and errors are those of `load_classifier`."""
        return wrap(
            self.model,
            example=example,
            device=device,
            num_classes=num_classes,
            output=output,
            depth=depth,
            fingerprint=self._source,
            refuse_labels=refuse_labels,
            torch_options=torch_options,
        )

    @contextmanager
    def again(
        self, first: Classifier, *, example: NDArray[np.floating], device: str, output: str | None
    ) -> Iterator[SecondInstance]:
        """The second instance, as `second_instance` has it of a model that is known by name."""
        if self._copy is None:
            yield SecondInstance(classifier=None, how=self._why)
            return
        try:
            made = wrap(
                copy.deepcopy(self._copy),
                example=example,
                device=device,
                num_classes=first.num_classes,
                output=first.choice.name if output is None else output,
                depth=first.depth,
                fingerprint=first.fingerprint,
                refuse_labels=False,
                torch_options=first.torch_options,
            )
        except ValueError as error:
            yield SecondInstance(classifier=None, how=f"{COPIED}, failed: {error}")
            return
        yield SecondInstance(classifier=made, how=COPIED)


def _called(model: Any) -> str:
    """A function by its name, an object by that of its class."""
    name = getattr(model, "__qualname__", None)
    return name if isinstance(name, str) else type(model).__name__


def _is_code(model: Any) -> bool:
    """Whether a copy would be the same object: functions and methods, and what is made of them."""
    return inspect.isroutine(model) or isinstance(model, type)


def _source(model: Any) -> str:
    """What the fingerprint of a model has to say beside its weights, and what it is of a function:
    SHA-256 of its code, as far as Python knows it; what it reads besides is for a replay to tell.
    """
    torch = sys.modules.get("torch")
    if torch is not None and isinstance(model, torch.nn.Module):
        return ""  # its weights and its structure
    code = model if inspect.isroutine(model) else type(model)
    try:
        text = inspect.getsource(code)
    except (OSError, TypeError):  # typed in, built in, or of an extension
        text = f"{getattr(code, '__module__', '')}.{getattr(code, '__qualname__', '')}"
    return hashlib.sha256(text.encode()).hexdigest()
