"""The error that every command turns into exit status 2 and one line."""


class InputError(ValueError):
    """The request or the input is bad.

    The message is one line: it names the file, field or flag and says what to do about it.
    """
