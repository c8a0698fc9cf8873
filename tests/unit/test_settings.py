"""Settings that follow from others."""

import pytest

from bessemer_server.settings import Settings


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("127.0.0.1:50051", True),
        ("127.1.2.3:0", True),
        ("[::1]:50051", True),
        ("localhost:50051", True),
        ("0.0.0.0:50051", False),
        ("[::]:50051", False),
        ("192.168.1.2:50051", False),
        ("127.0.0.1.example.com:50051", False),
        ("example.com:50051", False),
    ],
)
def test_memory_is_shared_by_itself_only_with_this_machine(listen, expected):
    assert Settings(listen=listen).shares_memory is expected
    assert Settings(listen=listen, shared_memory="on").shares_memory
    assert not Settings(listen=listen, shared_memory="off").shares_memory
