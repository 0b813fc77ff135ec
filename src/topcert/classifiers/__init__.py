"""Any classifier as a total function from a batch to integer labels."""

from topcert.classifiers.classifier import AnswerError, Classifier, Judged, Undefined

__all__ = ["AnswerError", "Classifier", "Judged", "Undefined"]
