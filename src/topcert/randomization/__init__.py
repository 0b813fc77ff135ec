"""Random masks as a replayable stream, and the ways to show NULL to a classifier."""
