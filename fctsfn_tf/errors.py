"""The one exception that this package raises for input a caller can mend."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

KERAS_BACKENDS = ("tensorflow", "jax", "torch")


class InputError(ValueError):
    """Something given from outside cannot be used; the message says how to mend it.

    Messages are one line in four parts: what is wrong, what was expected, how to
    fix it, what came. The command line prints the message and exits with code 2.

    Examples:
        >>> from fctsfn_tf import Click, InputError, Predictor
        >>> predictor = Predictor.from_preset()
        >>> try:
        ...     predictor.add_click(x=220, y=120, label=1)
        ... except InputError as error:
        ...     print(error)
        There is no image yet. Call `set_image` first.
    """


@contextmanager
def explaining_backend() -> Iterator[None]:
    """Around an import of Keras: that its backend is missing is said in one line.

    Raises:
        InputError: see above.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        library = (error.name or "").partition(".")[0]
        if library not in KERAS_BACKENDS:
            raise
        raise InputError(
            "Keras' backend, as KERAS_BACKEND or keras.json names it, must be installed. Install "
            f"it with `pip install 'fctsfn-tf[{library}]'`, or name another one "
            f"({', '.join(KERAS_BACKENDS)}). Received {library}, which is not installed."
        ) from None
    except ValueError as error:
        message = str(error)
        if not message.startswith("Unable to import backend"):
            raise
        raise InputError(
            "Keras' backend, as KERAS_BACKEND or keras.json names it, must be one of "
            f"{', '.join(KERAS_BACKENDS)}. Received{message.partition(':')[2]}."
        ) from None
