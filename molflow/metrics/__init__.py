"""What is said about generated molecules: pure functions whose docstrings are their definitions."""
