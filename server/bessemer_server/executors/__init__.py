"""What starts processes: the fork server, the helpers forked from it, and the executors of trainers."""
