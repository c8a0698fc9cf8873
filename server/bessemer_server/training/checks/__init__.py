"""The checks of a specification, which `resolving` runs one after the other.

findings    what was found wrong, and the checks of fields by their types and names
data        the data set, its splits, and whether the architecture takes it
network     the layers, and what is done to their inputs
measures    losses, metrics, and what depends on them
"""
