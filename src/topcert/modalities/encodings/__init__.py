"""How hidden features are shown to a classifier, one way a file."""
