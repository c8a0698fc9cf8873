"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

WORD = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "blobs",
        sa.Column("digest", WORD, nullable=False),
        sa.Column("data", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_blobs"),
    )
    op.create_table(
        "jobs",
        sa.Column("id", WORD, nullable=False),
        sa.Column("name", WORD, nullable=False),
        sa.Column("architecture", WORD, nullable=False),
        sa.Column("spec", sa.Text(), nullable=False),
        sa.Column("effective_spec", sa.Text(), nullable=False),
        sa.Column("request_id", WORD, nullable=True),
        sa.Column("fingerprint", WORD, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("state_message", sa.Text(), nullable=False),
        sa.Column("progress", sa.Text(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("failure", sa.Text(), nullable=True),
        sa.Column("model", sa.Text(), nullable=True),
        sa.Column("metrics", sa.Text(), nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.Column("start_time", TIME, nullable=True),
        sa.Column("end_time", TIME, nullable=True),
        sa.Column("last_cursor", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.UniqueConstraint("request_id", name="uq_jobs_request_id"),
    )
    op.create_index("ix_jobs_architecture_create_time_id", "jobs", ["architecture", "create_time", "id"])
    op.create_index("ix_jobs_create_time_id", "jobs", ["create_time", "id"])
    op.create_index("ix_jobs_name_create_time_id", "jobs", ["name", "create_time", "id"])
    op.create_index("ix_jobs_state_create_time_id", "jobs", ["state", "create_time", "id"])
    op.create_table(
        "model_names",
        sa.Column("name", WORD, nullable=False),
        sa.Column("last_version", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_model_names"),
    )
    op.create_table(
        "attempts",
        sa.Column("job_id", WORD, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("slot", WORD, nullable=False),
        sa.Column("pid", sa.Integer(), nullable=False),
        sa.Column("token_digest", WORD, nullable=False),
        sa.Column("lease_time", TIME, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_attempts_job_id"),
        sa.PrimaryKeyConstraint("job_id", "number", name="pk_attempts"),
        sa.UniqueConstraint("token_digest", name="uq_attempts_token_digest"),
    )
    op.create_table(
        "checkpoints",
        sa.Column("job_id", WORD, nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("id", WORD, nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_checkpoints_job_id"),
        sa.PrimaryKeyConstraint("job_id", "step", name="pk_checkpoints"),
    )
    op.create_table(
        "events",
        sa.Column("job_id", WORD, nullable=False),
        sa.Column("cursor", sa.BigInteger(), nullable=False),
        sa.Column("time", TIME, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_events_job_id"),
        sa.PrimaryKeyConstraint("job_id", "cursor", name="pk_events"),
    )
    op.create_table(
        "metrics",
        sa.Column("job_id", WORD, nullable=False),
        sa.Column("scope", sa.SmallInteger(), nullable=False),
        sa.Column("name", WORD, nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.Integer(), nullable=False),
        sa.Column("value", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_metrics_job_id"),
        sa.PrimaryKeyConstraint("job_id", "scope", "name", "step", name="pk_metrics"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "models",
        sa.Column("name", WORD, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("job_id", WORD, nullable=False),
        sa.Column("architecture", WORD, nullable=False),
        sa.Column("dataset", WORD, nullable=False),
        sa.Column("weights", sa.Text(), nullable=False),
        sa.Column("definition", sa.Text(), nullable=False),
        sa.Column("metrics", sa.Text(), nullable=False),
        sa.Column("parameters", sa.BigInteger(), nullable=False),
        sa.Column("effective_spec", sa.Text(), nullable=False),
        sa.Column("create_time", TIME, nullable=False),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_models_job_id"),
        sa.ForeignKeyConstraint(["name"], ["model_names.name"], name="fk_models_name"),
        sa.PrimaryKeyConstraint("name", "version", name="pk_models"),
        sa.UniqueConstraint("job_id", name="uq_models_job_id"),
    )
    op.create_table(
        "checkpoint_blobs",
        sa.Column("job_id", WORD, nullable=False),
        sa.Column("step", sa.BigInteger(), nullable=False),
        sa.Column("digest", WORD, nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["blobs.digest"], name="fk_checkpoint_blobs_digest"),
        sa.ForeignKeyConstraint(
            ["job_id", "step"],
            ["checkpoints.job_id", "checkpoints.step"],
            name="fk_checkpoint_blobs_job_id_step",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("job_id", "step", "digest", name="pk_checkpoint_blobs"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_checkpoint_blobs_digest", "checkpoint_blobs", ["digest"])
    op.create_table(
        "model_blobs",
        sa.Column("name", WORD, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("digest", WORD, nullable=False),
        sa.ForeignKeyConstraint(["digest"], ["blobs.digest"], name="fk_model_blobs_digest"),
        sa.ForeignKeyConstraint(
            ["name", "version"],
            ["models.name", "models.version"],
            name="fk_model_blobs_name_version",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("name", "version", "digest", name="pk_model_blobs"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_model_blobs_digest", "model_blobs", ["digest"])
