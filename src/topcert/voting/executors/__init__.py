"""Who computes the votes of a run, and where: one file an executor."""
