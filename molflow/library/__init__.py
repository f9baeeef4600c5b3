"""A library of molecules of any size, made in parts."""
