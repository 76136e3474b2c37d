"""The one exception that is shown to people."""


class InputError(Exception):
    """Something the user can mend: the message says what, where, and what to do, in one sentence."""
