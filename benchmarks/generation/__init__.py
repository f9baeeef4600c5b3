"""Quality of molecules against network evaluations."""
