"""The one exception that this package raises for input a caller can mend."""


class InputError(ValueError):
    """Something given from outside cannot be used; the message says how to mend it.

    Messages are one line in four parts: what is wrong, what was expected, how to
    fix it, what came. The command line prints the message and exits with code 2.
    """
