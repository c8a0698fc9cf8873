"""What the kernel tells of memory."""

import os

from bessemer_server.executors import memory

HOST = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def test_the_limit_of_a_container_counts_where_there_is_one(tmp_path):
    limit = tmp_path / "memory.max"
    assert memory.available_bytes([limit]) == HOST
    limit.write_text("max\n")
    assert memory.available_bytes([limit]) == HOST
    limit.write_text("1048576\n")
    assert memory.available_bytes([limit]) == 1048576
