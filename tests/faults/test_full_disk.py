"""No file of the server, or of its PostgreSQL, may grow any more, as on a disk that is full: it answers, refuses what is new in
clear words, loses nothing, fails no job, and all goes on by itself once there is room."""

import contextlib
import itertools
import random
import resource

import psutil
import pytest
import sqlalchemy as sa

import bessemer
from tests.faults import failing, results

FILLINGS = 50
"""Of the long form."""
ROOM_MAX_BYTES = 256 * 1024
"""A file may still have up to this length while the disk is full: writes fail at another place each time."""


@contextlib.contextmanager
def full_disk(pid: int, room_bytes: int):
    """The server's files take nothing beyond `room_bytes`; the kernel itself refuses it."""
    process = psutil.Process(pid)
    soft, hard = process.rlimit(resource.RLIMIT_FSIZE)
    process.rlimit(resource.RLIMIT_FSIZE, (room_bytes, hard))
    try:
        yield
    finally:
        process.rlimit(resource.RLIMIT_FSIZE, (soft, hard))


def submit_until_refused(client, fill: int):
    """Jobs by key that were accepted while there was room in the log of the database; key and text of the refusal."""
    accepted = {}
    for n in itertools.count():
        key = f"{fill}-{n}"
        try:
            accepted[key] = client.train("mlp", dataset="iris", epochs=1, idempotency_key=key).id
        except bessemer.ResourceExhausted as error:
            return accepted, key, str(error)
    raise AssertionError


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fillings", [1, pytest.param(FILLINGS, marks=pytest.mark.long)])
def test_a_full_disk_refuses_new_jobs_fails_none_and_loses_nothing(make_service, fillings):
    draw = random.Random(7)
    service = make_service("--slots", "1")
    service.start()
    pid = service.pid
    with bessemer.connect(service.address) as client:
        persistent = failing.Persistent(client)
        unbroken = client.train("mnist_cnn", **failing.SPEC).wait(progress=False)
        expected = results.read(service.data_dir, unbroken.id)
        for fill in range(fillings):
            job = client.train("mnist_cnn", **failing.SPEC)
            persistent.watch_until(job, "RUNNING")
            room_bytes = draw.randrange(ROOM_MAX_BYTES) if fill else 0
            with full_disk(pid, room_bytes):
                if room_bytes == 0:  # its trainer is refused first, before anybody submits
                    failing.wait_until_told(client, job.id, "DISK_FULL")
                accepted, refused, text = submit_until_refused(client, fill)
                assert "the disk that holds the service's database is full" in text
                waiting = client.jobs.get(job.id)
                assert waiting.failure is None
                if room_bytes == 0:  # else small writes may still succeed
                    assert waiting.state == "RUNNING"
                    assert waiting.state_message.startswith("DISK_FULL: ")
            job.wait(progress=False)
            assert job.attempt == 1
            assert results.read(service.data_dir, job.id) == expected
            for key, job_id in accepted.items():
                again = client.train("mlp", dataset="iris", epochs=1, idempotency_key=key)
                assert again.id == job_id
                again.wait(progress=False)
            client.train("mlp", dataset="iris", epochs=1, idempotency_key=refused).wait(progress=False)
        assert service.pid == pid
        counted = [j.id for j in client.jobs.list()]
        assert len(counted) == len(set(counted))
    service.stop()
    results.check_whole(service.data_dir)


REFUSE = """
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT FROM full_disk) THEN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full';
    END IF;
    RETURN NEW;
END $$
"""


class Postgres:
    """A database that can be told to refuse every new row, as one whose disk is full does."""

    def __init__(self, url: str) -> None:
        address = sa.make_url(url).set(drivername="postgresql+psycopg")
        self.engine = sa.create_engine(address, isolation_level="AUTOCOMMIT")
        tables = sa.inspect(self.engine).get_table_names()
        self.execute("CREATE TABLE full_disk ()")
        self.execute(REFUSE)
        for table in tables:
            self.execute(f"CREATE TRIGGER full_disk BEFORE INSERT ON {table} EXECUTE FUNCTION refuse()")

    def execute(self, statement: str) -> None:
        with self.engine.connect() as connection:
            connection.exec_driver_sql(statement)

    @contextlib.contextmanager
    def full(self):
        """While it has no room."""
        self.execute("INSERT INTO full_disk DEFAULT VALUES")
        try:
            yield
        finally:
            self.execute("DELETE FROM full_disk")


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("fillings", [1, FILLINGS])
def test_a_full_postgresql_refuses_new_jobs_fails_none_and_loses_nothing(
    make_service, postgres_url, fillings
):
    postgres = Postgres(postgres_url)
    service = make_service("--slots", "1", "--database", postgres_url)
    service.start()
    pid = service.pid
    with bessemer.connect(service.address) as client:
        persistent = failing.Persistent(client)
        unbroken = client.train("mnist_cnn", **failing.SPEC).wait(progress=False)
        for fill in range(fillings):
            job = client.train("mnist_cnn", **failing.SPEC)
            persistent.watch_until(job, "RUNNING")
            with postgres.full():
                failing.wait_until_told(client, job.id, "DISK_FULL")
                accepted, refused, text = submit_until_refused(client, fill)
                assert (accepted, refused) == ({}, f"{fill}-0")
                assert "the disk that holds the service's database is full" in text
            job.wait(progress=False)
            assert job.attempt == 1
            assert (job.history.steps, dict(job.history)) == (unbroken.history.steps, dict(unbroken.history))
            client.train("mlp", dataset="iris", epochs=1, idempotency_key=refused).wait(progress=False)
        assert len(list(client.jobs.list())) == 1 + 2 * fillings
    assert service.pid == pid
    assert service.stop() == 0
    postgres.engine.dispose()
