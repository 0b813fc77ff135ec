"""The commands under `topcert reproduce`: parse, call, print."""
