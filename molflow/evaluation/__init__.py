"""The evaluation of molecules, of anyone's file or of a model, against a data set."""
