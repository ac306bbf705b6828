"""Shared by every test: nothing but what all of them need."""

import os

from hypothesis import settings

# no test asserts a time; and a landing is decided by the change, not by the examples that chance finds on that day
settings.register_profile("kubern", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("kubern")
