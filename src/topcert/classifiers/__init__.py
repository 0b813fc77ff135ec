"""Any classifier as a total function from a batch to integer labels."""

from topcert.classifiers.answers import AnswerError, ReadAnswer
from topcert.classifiers.classifier import Classifier
from topcert.classifiers.undefined import UnansweredVotes

__all__ = ["AnswerError", "Classifier", "ReadAnswer", "UnansweredVotes"]
