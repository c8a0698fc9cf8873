"""Which job runs where, which attempt is still alive, and who is told about it."""
