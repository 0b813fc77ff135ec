"""What a person should know of a model on this data, beside the result: one line each, on
stderr.
"""

from __future__ import annotations

from topcert.classifiers.classifier import Classifier
from topcert.cli.progress import messages
from topcert.voting.notices import notices
from topcert.voting.prepared_run import Prepared


def note_model(prepared: Prepared) -> None:
    """Before a run: which of the model's outputs is taken, and a stand-in for hidden columns that
    lies among the data.
    """
    for text in notices(prepared):
        _note(text)


def note_undefined(classifier: Classifier) -> None:
    """After a run: how many of its votes the model had no answer to."""
    _note(classifier.undefined.in_words())


def _note(text: str) -> None:
    if text:
        messages.print(f"note: {text}", highlight=False, soft_wrap=True)
