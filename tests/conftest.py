"""Settings of all tests."""

from __future__ import annotations

import signal

from hypothesis import settings

# The same examples on every run, so that a failure is about the change at hand; --hypothesis-profile=explore looks on.
settings.register_profile("steady", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("explore", deadline=None, print_blob=True)
settings.load_profile("steady")

# A shell starts what runs in its background with SIGINT ignored, which programs that tests start would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
