"""Any classifier as a function from a batch to integer labels."""

from topcert.classifiers.classifier import Classifier, labels_of

__all__ = ["Classifier", "labels_of"]
