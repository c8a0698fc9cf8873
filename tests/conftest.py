"""Fixtures for all tests live in the modules named here."""

pytest_plugins = ["tests.fix_database", "tests.fix_service"]
