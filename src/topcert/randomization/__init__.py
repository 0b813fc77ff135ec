"""The noise of every certificate: masks and designs, Gaussian and discrete noise, and how inputs
are shown.
"""
