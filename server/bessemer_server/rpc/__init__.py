"""One servicer per service, and the translation between the wire and the domain."""
