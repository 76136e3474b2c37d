"""The one exception that is shown to people."""


class InputError(Exception):
    """Something the user can mend: one sentence that says what, where, and what to do."""
