"""The store in memory: for tests, and the shortest reading of what a store does. Nothing survives the process.

Methods never await, so each is a transaction: nothing else runs on the loop in between.
"""

from bessemer_server.stores.memory.store import MemoryStore

__all__ = ["MemoryStore"]
