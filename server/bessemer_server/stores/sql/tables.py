"""The tables. What each migration makes of them is compared with this page by a test."""

from __future__ import annotations

import sqlalchemy as sa

from bessemer_server.stores.sql import columns

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", columns.Word, primary_key=True),
    sa.Column("name", columns.Word, nullable=False),
    # Taken out of effective_spec, to list by it.
    sa.Column("architecture", columns.Word, nullable=False),
    sa.Column("spec", columns.Json, nullable=False),
    sa.Column("effective_spec", columns.Json, nullable=False),
    # NULL for none, so that only real keys are unique.
    sa.Column("request_id", columns.Word, unique=True),
    sa.Column("fingerprint", columns.Word, nullable=False),
    # NULL for a data set that comes with the service. No foreign key: an ended job outlives its data set.
    sa.Column("dataset_digest", columns.Word, index=True),
    sa.Column("validation_digest", columns.Word, index=True),
    sa.Column("state", columns.Word, nullable=False),
    # JSON, because it may quote a log, and logs hold any character.
    sa.Column("state_message", columns.Json, nullable=False),
    sa.Column("progress", columns.Json, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("losses", sa.Integer, nullable=False),
    sa.Column("failure", columns.Json),
    sa.Column("model", columns.Json),
    sa.Column("metrics", columns.Json, nullable=False),
    sa.Column("create_time", columns.Utc, nullable=False),
    sa.Column("start_time", columns.Utc),
    sa.Column("end_time", columns.Utc),
    sa.Column("last_cursor", sa.BigInteger, nullable=False),
    # A job that was deleted keeps its row, emptied: neither its id nor its request_id may come back.
    sa.Column("delete_time", columns.Utc),
    # Minus the priority, so that the queue is an index in ascending order.
    sa.Column("rank", sa.Integer, nullable=False),
    sa.Column("next_attempt_time", columns.Utc),
    sa.Column("max_runtime_s", sa.Double),
    sa.Column("run_s", sa.Double, nullable=False),
    sa.Column("past_run_s", sa.Double, nullable=False),
    # name@version; NULL for a job that trains. No foreign key: an ended job outlives its model.
    sa.Column("asked_model", columns.Word, index=True),
    # Of CPU; NULL until its first trainer was given them.
    sa.Column("threads", sa.Integer),
    # One for each way of listing: the rows come out in order, however many there are.
    sa.Index(None, "create_time", "id"),
    sa.Index(None, "state", "create_time", "id"),
    sa.Index(None, "state", "rank", "create_time", "id", "next_attempt_time"),  # all that a place depends on
    sa.Index(None, "architecture", "create_time", "id"),
    sa.Index(None, "name", "create_time", "id"),
)

attempts = sa.Table(
    "attempts",
    metadata,
    sa.Column("job_id", sa.ForeignKey(jobs.c.id), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("slot", columns.Word, nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("token_digest", columns.Word, nullable=False, unique=True),
    sa.Column("lease_time", columns.Utc, nullable=False),
)

metrics = sa.Table(
    "metrics",
    metadata,
    sa.Column("job_id", sa.ForeignKey(jobs.c.id), primary_key=True),
    sa.Column("scope", sa.SmallInteger, primary_key=True),
    sa.Column("name", columns.Word, primary_key=True),
    sa.Column("step", sa.BigInteger, primary_key=True),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("value", columns.Number),
    # The key is most of the row: without this SQLite would keep it twice.
    sqlite_with_rowid=False,
)

events = sa.Table(
    "events",
    metadata,
    sa.Column("job_id", sa.ForeignKey(jobs.c.id), primary_key=True),
    sa.Column("cursor", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("time", columns.Utc, nullable=False),
    sa.Column("kind", columns.Word, nullable=False),
    sa.Column("body", columns.Json, nullable=False),
)

log_lines = sa.Table(
    "log_lines",
    metadata,
    sa.Column("job_id", sa.ForeignKey(jobs.c.id), primary_key=True),
    sa.Column("cursor", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    # Where the line ends in all that the attempt printed: the newest says from where on to read.
    sa.Column("position", sa.BigInteger, nullable=False),
    sa.Column("time", columns.Utc, nullable=False),
    sa.Column("text", columns.Json, nullable=False),
    sa.Index(None, "job_id", "attempt", "cursor"),
)

blobs = sa.Table(
    "blobs",
    metadata,
    sa.Column("digest", columns.Word, primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
)

blob_holds = sa.Table(
    "blob_holds",
    metadata,
    # The id of a job, or of an upload.
    sa.Column("holder", columns.Word, primary_key=True),
    sa.Column("attempt", sa.Integer, primary_key=True),
    # No foreign key: what is held may not be there yet.
    sa.Column("digest", columns.Word, primary_key=True, index=True),
    # NULL for an attempt: its hold is good as long as it is the current one.
    sa.Column("expire_time", columns.Utc),
    sqlite_with_rowid=False,
)
"""Who is about to refer to which blobs."""

damaged_blobs = sa.Table(
    "damaged_blobs",
    metadata,
    # No foreign key: a blob that is gone is damaged too.
    sa.Column("digest", columns.Word, primary_key=True),
    sa.Column("find_time", columns.Utc, nullable=False),
    sqlite_with_rowid=False,
)
"""Blobs whose bytes were not those of their digest when they were read; until the right ones are put again."""

checkpoints = sa.Table(
    "checkpoints",
    metadata,
    sa.Column("job_id", sa.ForeignKey(jobs.c.id), primary_key=True),
    sa.Column("step", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("id", columns.Word, nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    # The blob that it lies in: one of those in checkpoint_blobs.
    sa.Column("manifest", columns.Word, nullable=False),
    sa.Column("create_time", columns.Utc, nullable=False),
)

checkpoint_blobs = sa.Table(
    "checkpoint_blobs",
    metadata,
    sa.Column("job_id", columns.Word, primary_key=True),
    sa.Column("step", sa.BigInteger, primary_key=True),
    sa.Column("digest", sa.ForeignKey(blobs.c.digest), primary_key=True, index=True),
    sa.ForeignKeyConstraint(
        ["job_id", "step"], [checkpoints.c.job_id, checkpoints.c.step], ondelete="CASCADE"
    ),
    sqlite_with_rowid=False,
)
"""Which blobs a checkpoint holds: the database itself refuses to lose one of them."""

pictures = sa.Table(
    "pictures",
    metadata,
    sa.Column("job_id", sa.ForeignKey(jobs.c.id), primary_key=True),
    sa.Column("epoch", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("shape", columns.Json, nullable=False),
    sa.Column("data", sa.LargeBinary, nullable=False),
)
"""What generators drew at the end of epochs: a few, and small, so they lie here and not among the blobs."""

model_names = sa.Table(
    "model_names",
    metadata,
    sa.Column("name", columns.Word, primary_key=True),
    sa.Column("last_version", sa.Integer, nullable=False),
)
"""Counts the versions of each name: the row is locked while one is published."""

models = sa.Table(
    "models",
    metadata,
    sa.Column("name", sa.ForeignKey(model_names.c.name), primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("job_id", sa.ForeignKey(jobs.c.id), nullable=True, unique=True),
    sa.Column("architecture", columns.Word, nullable=False),
    sa.Column("dataset", columns.Word, nullable=False),
    sa.Column("weights", columns.Json, nullable=False),
    sa.Column("definition", columns.Json, nullable=False),
    # A part of the definition: lists need not read the rest.
    sa.Column("signature", columns.Json, nullable=False),
    sa.Column("metrics", columns.Json, nullable=False),
    sa.Column("parameters", sa.BigInteger, nullable=False),
    sa.Column("effective_spec", columns.Json, nullable=False),
    sa.Column("create_time", columns.Utc, nullable=False),
    sa.Column("dataset_digest", columns.Word, nullable=False),
)

model_blobs = sa.Table(
    "model_blobs",
    metadata,
    sa.Column("name", columns.Word, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True),
    sa.Column("digest", sa.ForeignKey(blobs.c.digest), primary_key=True, index=True),
    sa.ForeignKeyConstraint(["name", "version"], [models.c.name, models.c.version], ondelete="CASCADE"),
    sqlite_with_rowid=False,
)
"""Which blobs a model holds."""

model_aliases = sa.Table(
    "model_aliases",
    metadata,
    sa.Column("model", columns.Word, primary_key=True),
    sa.Column("name", columns.Word, primary_key=True),
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("share", sa.Integer, nullable=False),
    sa.ForeignKeyConstraint(["model", "version"], [models.c.name, models.c.version]),
    sqlite_with_rowid=False,
)
"""Which versions an alias names, a row for each: the database itself refuses to delete one of them."""

datasets = sa.Table(
    "datasets",
    metadata,
    sa.Column("name", columns.Word, primary_key=True),
    sa.Column("digest", columns.Word, nullable=False, unique=True),
    sa.Column("content", columns.Json, nullable=False),
    sa.Column("create_time", columns.Utc, nullable=False),
)

dataset_blobs = sa.Table(
    "dataset_blobs",
    metadata,
    sa.Column("name", sa.ForeignKey(datasets.c.name, ondelete="CASCADE"), primary_key=True),
    sa.Column("digest", sa.ForeignKey(blobs.c.digest), primary_key=True, index=True),
    sqlite_with_rowid=False,
)
"""Which blobs an uploaded data set holds."""
