"""Pictures of certificates."""
