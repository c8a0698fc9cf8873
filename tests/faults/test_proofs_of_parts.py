"""As `test_proofs`, for protections of which a test of one part tells: that test fails in a process of its own whose code is
without it.
"""

from __future__ import annotations

import dataclasses
import pathlib
import re
import subprocess
import sys

import pytest

from tests.faults import mutants

ROOT = pathlib.Path(__file__).parents[2]


@dataclasses.dataclass(frozen=True)
class Proof:
    """A protection, the tests that need it, and what must be said without it."""

    removed: str
    tests: str
    """A file below `tests/`, and the names of tests that all must fail."""
    names: tuple[str, ...]
    change: mutants.Change
    notice: str


PROOFS = (
    Proof(
        "the bytes of a manifest are compared with its digest when they are read",
        "conformance/test_store_damage.py",
        ("test_a_flipped_bit_of_a_manifest_is_found_told_and_passed_over[sqlite-3]",),
        ("stores/sql/rows.py", "hashlib.sha256(row.data).hexdigest() == row.manifest", "True"),
        r"dt}pe",
    ),
    Proof(
        "a damaged checkpoint gives way to another of its step",
        "conformance/test_store_damage.py",
        ("test_a_damaged_checkpoint_gives_way_to_another_of_its_step[sqlite]",),
        ("stores/sql/checkpoints.py", "return None if found is None or found.damaged else found", "return found"),
        r"\(1, Manifest",
    ),
    Proof(
        "a trainer that an earlier server has started is watched",
        "unit/executors/test_process.py",
        ("test_an_adopted_trainer_is_seen_to_end_and_can_be_ended",),
        ("executors/process.py", "        self._watch_orphan(key, descriptor)\n\n    def _note_gone", "\n    def _note_gone"),
        "Failed: Timeout",
    ),
    Proof(
        "a trainer that ended while no server was there is noticed",
        "unit/executors/test_process.py",
        ("test_a_trainer_that_ended_while_no_server_was_there_is_noticed_at_once",),
        ("executors/process.py", "            self._note_gone(key, pid, folder)\n", ""),
        r"assert False\n.*is_set",
    ),
    Proof(
        "a trainer in another container is known by its lock",
        "unit/executors/test_process.py",
        ("test_a_trainer_that_has_no_process_id_here_but_its_lock_is_not_taken_for_gone",),
        ("executors/process.py", "if _is_gone(pid) and not holders.is_locked(folder):", "if _is_gone(pid):"),
        r"\[Exit\(",
    ),
    Proof(
        "a stranger with a trainer's process id is left alone",
        "unit/executors/test_process.py",
        ("test_a_stranger_is_neither_adopted_nor_ended",),
        ("executors/process.py", "        if not holders.is_trainer(pid, folder):\n", "        if not pid:\n"),
        "DID NOT RAISE",
    ),
    Proof(
        "a server knows its trainers by its own name and not by the slots that it has now",
        "unit/scheduling/test_restarts.py",
        (
            "test_a_stop_ends_the_trainers_of_slots_that_the_server_no_longer_has_and_no_other_servers",
            "test_a_trainer_at_work_is_excused_also_on_a_slot_that_the_server_no_longer_has",
            "test_trainers_are_adopted_on_whatever_slot_of_this_server_and_their_end_is_noticed_at_once",
        ),
        ("scheduling/loop.py", "return policy.is_of(self._server, attempt.slot)", "return attempt.slot in self._slots"),
        "AssertionError",
    ),
    Proof(
        "a checkpoint waits for what was told before it and for nothing else",
        "unit/worker/test_observer.py",
        ("test_a_checkpoint_is_saved_though_the_loop_records_before_each_report_is_acknowledged",),
        ("worker/observer.py", "self._acknowledged >= told or", "self._acknowledged == self._told or"),
        r"\nE +(assert|AssertionError|Failed: Timeout)",
    ),
    Proof(
        "a checkpoint waits for what was told before it",
        "unit/worker/test_observer.py",
        ("test_a_checkpoint_is_saved_when_the_metrics_up_to_it_are_there",),
        ("worker/observer.py", "        self._flush_reports(told)\n        failpoints", "        failpoints"),
        r"\nE +(assert|AssertionError)",
    ),
    Proof(
        "what went wrong in a trainer's threads is told",
        "unit/worker/test_trainer.py",
        ("test_a_checkpoint_that_is_refused_is_told_as_the_reason",),
        (
            "worker/trainer.py",
            "    try:\n        remote.flush()\n    except (reporting.Stale, reporting.Unreachable):\n        raise\n"
            "    except Exception as error:",
            "    remote.flush()\n    try:\n        pass\n    except Exception as error:",
        ),
        "the manifest has no tensors",
    ),
    Proof(
        "a trainer that hears of a cancel and does not obey is ended",
        "unit/rpc/test_cancelling.py",
        ("test_it_is_ended_after_a_while_though_it_reports",),
        ("rpc/worker.py", "if now_s - cancelled_s > CANCEL_GRACE_S else command", "if False else command"),
        r"\nE +(assert|AssertionError|Failed: Timeout)",
    ),
    Proof(
        "a port is free again at once when its server had ended its connections",
        "unit/rpc/test_front_reserving.py",
        ("test_connections_that_linger_do_not_keep_it_from_the_next_server",),
        (
            "rpc/fronts/front.py",
            "self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)",
            "pass",
        ),
        "in use",
    ),
    Proof(
        "a model is kept while a job that begins with it has not ended",
        "conformance/test_store_bases.py",
        ("test_a_model_is_kept_while_a_job_that_begins_with_it_has_not_ended[sqlite]",),
        ("stores/sql/deletion.py", "    model_rules.check_unneeded(name, gone, jobs.that_need(connection, name))\n", ""),
        "DID NOT RAISE",
    ),
    Proof(
        "a fork server that cannot be started is no fault of a job",
        "unit/executors/test_forkserver.py",
        ("test_a_fork_server_that_cannot_be_started_is_away_and_no_fault_of_who_needs_it",),
        ("executors/forkserver.py", "except (EOFError, OSError) as error", "except EOFError as error"),
        "OSError",
    ),
)  # fmt: skip


@pytest.mark.long
@pytest.mark.parametrize("proof", PROOFS, ids=lambda proof: proof.removed)
def test_a_part_fails_without(proof, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", mutants.make(tmp_path, [proof.change]))
    line = [sys.executable, "-m", "pytest", "-q", "-m", "", "-p", "no:cacheprovider", "--timeout", "30"]
    tests = [f"tests/{proof.tests}::{name}" for name in proof.names]
    ended = subprocess.run([*line, *tests], cwd=ROOT, capture_output=True, text=True, check=False)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    failed = [name for name in proof.names if f"FAILED tests/{proof.tests}::{name}" in ended.stdout]
    assert failed == list(proof.names), ended.stdout
    assert re.search(proof.notice, ended.stdout), ended.stdout
