"""The paper's tables, by one command each."""
