"""What a person holds in Python: `import topcert` offers all of it by name."""
