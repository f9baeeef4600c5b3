"""The structure of molecules against that of real ones."""
