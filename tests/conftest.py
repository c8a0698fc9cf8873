"""Fixtures for all tests live in the modules named here."""

import pytest

pytest.register_assert_rewrite("tests.faults")  # what its helpers compare is told as well

pytest_plugins = ["tests.fix_database", "tests.fix_service"]
