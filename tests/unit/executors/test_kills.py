"""What the kernel's count says of one process."""

from bessemer_server.executors.kills import FRESH_S, Kills


def test_what_was_killed_before_something_began_is_not_its_end():
    count = 3
    kills = Kills(lambda: count)
    kills.note(0.0)
    count = 4  # another process
    noted = kills.note(FRESH_S)
    assert not kills.have_grown(noted)
    count = 5
    assert kills.have_grown(noted)


def test_of_several_that_were_under_way_the_first_that_asks_is_told():
    count = 0
    kills = Kills(lambda: count)
    noted = [kills.note(0.0), kills.note(0.5)]
    count = 1
    assert [kills.have_grown(since) for since in noted] == [True, False]


def test_the_kernel_is_not_asked_each_time():
    counts = iter([3, 4])
    kills = Kills(lambda: next(counts))
    assert [kills.note(FRESH_S * moment) for moment in (0.0, 0.5, 0.9, 1.0, 1.9)] == [3, 3, 3, 4, 4]
