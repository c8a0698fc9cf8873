"""Imported once by the fork server, so that what is forked from it has torch at hand.

The one module that works at import time: importing is how `multiprocessing` preloads a fork server.
"""

from bessemer_server.training import preload

preload.preload()
