"""For all tests."""

from hypothesis import settings

# A busy machine takes its time; no test measures it.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")
