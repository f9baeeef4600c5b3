"""Chemistry gives the labels of a graph their meaning: elements, charges, bonds and molecules."""
