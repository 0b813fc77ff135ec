"""From a randomization and a classifier to votes: the ledger, how it is filled, and how it is
checked again.
"""
