"""The paper's tables, figures and protocols, and what goes past them, from kept votes."""
