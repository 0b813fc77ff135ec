"""The laws of what a classifier is shown of an input, one a file: ablation, Gaussian and discrete
noise.
"""
