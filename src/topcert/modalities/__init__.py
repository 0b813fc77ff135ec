"""Kinds of input, one a file: what one feature is, how hidden ones are shown, how such data is
read, and what an attacker changes.
"""
