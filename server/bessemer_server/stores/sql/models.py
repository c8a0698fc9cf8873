"""Published models over a connection."""

from __future__ import annotations

import dataclasses

import sqlalchemy as sa

from bessemer_server.domain import errors
from bessemer_server.domain.jobs import Job, Page, Time
from bessemer_server.domain.models import Listed, Model, Origin, Publication
from bessemer_server.stores import model_rules, paging, rules
from bessemer_server.stores.sql import blobs, rows, tables, upserts

models = tables.models
names = tables.model_names
LISTED = tuple(models.c[field.name] for field in dataclasses.fields(Listed))
"""What a list needs: the other columns may be large."""


def publish(connection: sa.Connection, job: Job, publication: Publication, now: Time) -> Model:
    """Insert the next version of the job's name."""
    rules.check_blobs(blobs.missing(connection, publication.weights.digests(), lock=True))
    return _insert(
        connection, model_rules.publish(job, publication, _next_version(connection, job.name), now)
    )


def import_(
    connection: sa.Connection, name: str, publication: Publication, origin: Origin, now: Time
) -> Model:
    """Insert the next version, unless the newest is the very same."""
    rules.check_blobs(blobs.missing(connection, publication.weights.digests(), lock=True))
    # The name is locked before its versions are read: who imports the same at once comes after.
    there = upserts.insert(connection, names).values(name=name, last_version=0).on_conflict_do_nothing()
    connection.execute(there)
    connection.execute(sa.select(names.c.name).where(names.c.name == name).with_for_update())
    known = versions(connection, name)
    if known and model_rules.is_same(newest := get(connection, name, known[-1]), publication):
        return newest
    version = _next_version(connection, name)
    return _insert(connection, model_rules.import_model(name, publication, origin, version, now))


def _insert(connection: sa.Connection, model: Model) -> Model:
    connection.execute(sa.insert(models).values(rows.model_values(model)))
    held = [
        {"name": model.name, "version": model.version, "digest": digest}
        for digest in set(model.weights.digests())
    ]
    if held:
        connection.execute(sa.insert(tables.model_blobs), held)
    return model


def of_job(connection: sa.Connection, job: Job) -> Model:
    """The model that a job has published; raises `NotFound` when it was deleted."""
    row = connection.execute(sa.select(models).where(models.c.job_id == job.id)).one_or_none()
    if row is None:
        raise unknown(connection, job.name, job.model.version if job.model else None)
    return rows.read_model(row)


def get(connection: sa.Connection, name: str, version: int | None) -> Model:
    """One version, or the newest; raises `NotFound`."""
    query = sa.select(models).where(models.c.name == name).order_by(models.c.version.desc()).limit(1)
    if version is not None:
        query = query.where(models.c.version == version)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise unknown(connection, name, version)
    return rows.read_model(row)


def unknown(connection: sa.Connection, name: str, version: int | None) -> errors.NotFound:
    """The error for a model or version that is not there."""
    known = connection.execute(sa.select(models.c.name).distinct()).scalars()
    return model_rules.unknown_model(name, version, known, versions(connection, name))


def versions(connection: sa.Connection, name: str) -> list[int]:
    """Those that a model has, ascending."""
    query = sa.select(models.c.version).where(models.c.name == name).order_by(models.c.version)
    return list(connection.execute(query).scalars())


def lock(connection: sa.Connection, name: str) -> list[int]:
    """The versions of a model, to which nothing is added and of which nothing is removed until the transaction ends. Raises
    `NotFound` for a model that has none.
    """
    found = hold(connection, name)
    if not found:
        raise unknown(connection, name, None)
    return found


def hold(connection: sa.Connection, name: str) -> list[int]:
    """As `lock`, and none for a model that has none."""
    connection.execute(sa.select(names.c.name).where(names.c.name == name).with_for_update())
    return versions(connection, name)


def list_page(connection: sa.Connection, name: str, page_size: int, page_token: str) -> Page[Listed]:
    """The newest version of each model by name; with `name`, all its versions, newest first."""
    paging.check_size(page_size)
    listing = paging.models_listing(name)
    after = paging.decode(listing, page_token)
    query = sa.select(*LISTED).limit(page_size + 1)
    if name:
        query = query.where(models.c.name == name).order_by(models.c.version.desc())
        if after is not None:
            query = query.where(models.c.version < after[0])
    else:
        other = models.alias()
        newest = sa.select(sa.func.max(other.c.version)).where(other.c.name == models.c.name)
        query = query.where(models.c.version == newest.scalar_subquery()).order_by(models.c.name)
        if after is not None:
            query = query.where(models.c.name > after[0])
    found = [rows.read_listed(row) for row in connection.execute(query)]
    return paging.make_page(found, page_size, listing, lambda model: [model.version if name else model.name])


def _next_version(connection: sa.Connection, name: str) -> int:
    statement = upserts.insert(connection, names).values(name=name, last_version=1)
    statement = statement.on_conflict_do_update(
        index_elements=[names.c.name], set_={"last_version": names.c.last_version + 1}
    )
    version: int = connection.execute(statement.returning(names.c.last_version)).scalar_one()
    return version
