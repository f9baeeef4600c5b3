"""What the labels of a graph mean: elements, charges and bonds, molecules and their SMILES."""
