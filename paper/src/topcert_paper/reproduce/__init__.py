"""What `topcert reproduce` does, one file a subcommand: measured again, or redrawn from votes."""
