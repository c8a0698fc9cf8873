"""Generated stubs of the public API."""
