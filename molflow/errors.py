"""The one error that a user's mistake raises."""


class InputError(ValueError):
    """A mistake in what the user gave: one line that names the thing, the value and the choices.

    Programs print it as ``error: ...`` and end with exit code 2.
    """
