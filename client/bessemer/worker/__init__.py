"""Generated stubs of the internal protocol between trainers and the server."""
