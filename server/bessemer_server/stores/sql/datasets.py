"""Uploaded data sets over a connection."""

from __future__ import annotations

import sqlalchemy as sa

from bessemer_server.domain.datasets import Content, Dataset
from bessemer_server.domain.jobs import Job, NewJob, Time
from bessemer_server.domain.states import TERMINAL
from bessemer_server.stores import dataset_rules, rules
from bessemer_server.stores.sql import blobs, rows, tables, upserts

datasets = tables.datasets


def create(connection: sa.Connection, content: Content, now: Time) -> Dataset:
    """Insert, or return the one that is the same already."""
    made = Dataset(content, content.digest, now)
    statement = upserts.insert(connection, datasets).on_conflict_do_nothing(index_elements=[datasets.c.name])
    values = rows.dataset_values(made)
    if connection.execute(statement.returning(datasets.c.name), values).one_or_none() is None:
        query = sa.select(datasets).where(datasets.c.name == content.name)
        return dataset_rules.check_same(rows.read_dataset(connection.execute(query).one()), content)
    rules.check_blobs(blobs.missing(connection, content.digests(), lock=True))
    held = [{"name": content.name, "digest": digest} for digest in sorted(set(content.digests()))]
    if held:
        connection.execute(sa.insert(tables.dataset_blobs), held)
    return made


def find(connection: sa.Connection, *, name: str = "", digest: str = "") -> Dataset | None:
    """By name, by digest, or by both; None for neither."""
    if not name and not digest:
        return None
    query = sa.select(datasets)
    if name:
        query = query.where(datasets.c.name == name)
    if digest:
        query = query.where(datasets.c.digest == digest)
    row = connection.execute(query).one_or_none()
    return None if row is None else rows.read_dataset(row)


def list_all(connection: sa.Connection) -> list[Dataset]:
    """By name."""
    return [
        rows.read_dataset(row) for row in connection.execute(sa.select(datasets).order_by(datasets.c.name))
    ]


def lock_pinned(connection: sa.Connection, job: NewJob | Job) -> None:
    """Keep the data sets of a job that is queued from being deleted until the transaction ends. Raises `FailedPrecondition`."""
    # In one order for all, so that no two wait for each other.
    for field, digest in sorted(job.pins.items(), key=lambda pin: pin[1]):
        query = sa.select(datasets).where(datasets.c.digest == digest).with_for_update()
        row = connection.execute(query).one_or_none()
        dataset_rules.check_pinned(job, field, None if row is None else rows.read_dataset(row))


def delete(connection: sa.Connection, name: str) -> None:
    """Remove the row; blobs that only it held are collected."""
    row = connection.execute(
        sa.select(datasets.c.digest).where(datasets.c.name == name).with_for_update()
    ).one_or_none()
    if row is None:
        raise dataset_rules.unknown_dataset(name, connection.scalars(sa.select(datasets.c.name)))
    jobs = tables.jobs
    ended = [state.value for state in TERMINAL]
    needs = sa.or_(jobs.c.dataset_digest == row.digest, jobs.c.validation_digest == row.digest)
    query = sa.select(jobs).where(needs, jobs.c.state.not_in(ended))
    unfinished = connection.execute(query.order_by(jobs.c.create_time, jobs.c.id))
    dataset_rules.check_unused(name, [rows.read_job(job) for job in unfinished])
    connection.execute(sa.delete(datasets).where(datasets.c.name == name))
