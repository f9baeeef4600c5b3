"""The mathematics of categorical flows. Imports torch and nothing else; knows no modality."""
