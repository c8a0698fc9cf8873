"""Waking watchers."""

from bessemer_server.scheduling.notices import Notices


async def test_only_those_who_listen_to_the_job_are_woken():
    notices = Notices()
    with notices.listen("a") as a, notices.listen("a") as also_a, notices.listen("b") as b:
        notices.announce("a")
        assert a.is_set()
        assert also_a.is_set()
        assert not b.is_set()


async def test_nothing_is_kept_of_a_listener_that_left():
    notices = Notices()
    with notices.listen("a"):
        pass
    notices.announce("a")
    assert not notices._waiting
