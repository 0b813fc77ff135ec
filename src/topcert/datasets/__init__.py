"""Data sets as arrays of inputs to certify."""
