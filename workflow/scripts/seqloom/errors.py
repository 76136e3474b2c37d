"""The exception whose message is shown to the user."""


class InputError(Exception):
    """A problem the user can fix: one sentence that says what, where and what to do."""
