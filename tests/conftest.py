"""Fixtures for all tests live in the modules named here."""

import hypothesis
import pytest

pytest.register_assert_rewrite("tests.faults")  # what its helpers compare is told as well

# What a test finds does not depend on how busy the machine is.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

pytest_plugins = ["tests.fix_database", "tests.fix_service"]
