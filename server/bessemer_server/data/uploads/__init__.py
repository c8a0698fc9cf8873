"""Readers of what users upload: one file per format. Each checks every item, and names all that are faulty at once."""
