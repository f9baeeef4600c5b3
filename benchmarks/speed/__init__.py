"""The speed of molflow against the peak of the machine it runs on."""
