"""How fast molflow is, against the peak of the machine it runs on."""
