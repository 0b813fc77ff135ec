"""Data sets as arrays of inputs to certify."""

from topcert.datasets.dataset import Dataset, load_dataset

__all__ = ["Dataset", "load_dataset"]
