"""Folders of certificates, checked again without trusting who made them."""
