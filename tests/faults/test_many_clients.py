"""Twenty clients submit, cancel, pause, resume, retry and delete the same few jobs at random, over the real wire: every
answer is what the promises of the API allow at that moment, and no job is lost, doubled or stuck."""

import pytest

from tests.faults import many_clients

CLIENTS = 20


@pytest.mark.timeout(3600)
@pytest.mark.parametrize(("seed", "deeds"), [(1, 100), pytest.param(2, 10_000, marks=pytest.mark.long)])
def test_whatever_many_clients_do_at_once_is_answered_as_the_model_says(service, client, seed, deeds):
    crowd = many_clients.Crowd(service.address, seed)
    crowd.run(CLIENTS, deeds)
    many_clients.end_everything(client, crowd)
    found = many_clients.find_all(client, crowd)
    there = {job_id: known for job_id, known in crowd.jobs.items() if not known.is_gone}
    assert {job_id: job.priority for job_id, job in found.items()} == {
        job_id: known.priority for job_id, known in there.items()
    }
    assert all(job.is_over for job in found.values())
    assert many_clients.check_answers(client, crowd) > deeds / 5
    assert sum(crowd.deeds.values()) == deeds
    assert set(crowd.deeds) == set(many_clients.DEEDS)
