"""Imported once by the fork server, so that what is forked from it has torch at hand.

The one module that works at import time: importing is how `multiprocessing` preloads a fork server. gRPC is imported
here too, which saves each trainer a third of a second; a channel, which starts threads that no fork survives, is only
made after the fork. A test holds that the import starts none.
"""

import gc

from bessemer_server.training import preload
from bessemer_server.worker import planner, predictor, trainer

preload.preload()
gc.freeze()  # or each process would look through all of torch again and again, and copy it by that

ENTRY_ROOMS = (planner, predictor, trainer)
"""What the forked processes run; named so that their imports are seen to be meant."""
