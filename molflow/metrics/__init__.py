"""Generated molecules are measured by pure functions whose docstrings are their definitions."""
