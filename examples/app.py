"""The page as a Space of Hugging Face."""

from molflow.demo import main

main(["host=0.0.0.0"])
