"""Optimisers of molecules against the oracles of `molflow.chem.tasks`, under a budget of calls.

A method is a function ``run(task, budget, seed, start) -> calls``: it asks a `calls.Budget`, starts
from the SMILES of `start` and returns every call in its order.
"""
