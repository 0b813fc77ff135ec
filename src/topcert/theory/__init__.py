"""Pure mathematics of the certificates: NumPy, SciPy and the standard library; no files, no
randomness.
"""
