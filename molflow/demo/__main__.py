"""``python -m molflow.demo``."""

from molflow.console import run_program
from molflow.demo import main

if __name__ == "__main__":
    run_program(main)
