"""Data sets as arrays of inputs to certify."""

from topcert.datasets.dataset import Dataset
from topcert.datasets.load_dataset import load_dataset

__all__ = ["Dataset", "load_dataset"]
