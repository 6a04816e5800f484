"""Objects, receipts, refs and adapter copies."""

import logging
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.canonical import digest, digest_bytes
from runs.errors import CorruptError, UsageError
from runs.output import Output
from runs.records import Iteration
from runs.store import Store
from tests.runs.history import BASE, adapter, close, judgment, new_run, prompt, response

ROOT = Path(__file__).parents[2]
ASKED = {"step": "generate", "index": 1}
KEY = digest(ASKED)


@settings(max_examples=25)
@given(data=st.binary())
def test_bytes_come_back_under_their_digest(store: Store, data: bytes) -> None:
    with store.lock():
        name = store.put(data)
    assert name == digest_bytes(data)
    assert store.get(name) == data


def test_a_record_is_an_object_under_its_own_digest(store: Store) -> None:
    output = Output("judge", {"judgments": (digest("shard"),)}, {"metrics": {"judge/tie_frac": 0.5}})
    iteration = Iteration("", 0, {}, 1, {"judge": output.digest}, BASE, digest("decision"))
    with store.lock():
        assert store.put_record(output) == output.digest
        assert store.put_record(iteration) == iteration.digest
    assert store.output(output.digest) == output
    assert store.iteration(iteration.digest) == iteration


def test_an_object_of_another_kind_is_corrupt(store: Store) -> None:
    with store.lock():
        name = store.put_record(Output("pair"))
    with pytest.raises(CorruptError, match="Iteration"):
        store.iteration(name)


def test_rows_of_several_shards_come_back_in_order(store: Store) -> None:
    answers = [response(prompt(1), BASE, seed) for seed in range(5)]
    with store.lock():
        shards = [store.put_rows("responses", answers[:2]), store.put_rows("responses", answers[2:])]
    assert store.rows_of("responses", shards) == answers
    assert store.table("responses", shards)["digest"].to_pylist() == [answer.digest for answer in answers]
    assert store.rows_of("responses", []) == []


def test_a_changed_object_is_refused_and_names_the_next_command(store: Store) -> None:
    with store.lock():
        name = store.put(b"some bytes")
    path = store.object_path(name)
    path.write_bytes(b"some bytez")
    with pytest.raises(CorruptError, match="selfsame verify") as caught:
        store.get(name)
    assert str(path) in str(caught.value)


def test_storing_the_same_bytes_again_mends_a_changed_object(store: Store) -> None:
    with store.lock():
        name = store.put(b"some bytes")
        store.object_path(name).write_bytes(b"")
        store.put(b"some bytes")
    assert store.get(name) == b"some bytes"


def test_writing_without_the_lock_is_a_bug(store: Store) -> None:
    with pytest.raises(RuntimeError, match="lock"):
        store.put(b"x")


def test_the_first_result_is_the_result(store: Store) -> None:
    with store.lock():
        first, second = store.put_record(Output("generate")), store.put_record(Output("generate", {}, {"n": 2}))
        assert store.recall(KEY) is None
        assert store.commit(KEY, first, ASKED, {"began": 1.0}) == first
        before = store.receipt_path(KEY).read_bytes()
        assert store.commit(KEY, second, ASKED, {"began": 2.0}) == first
        assert store.recall(KEY) == first
    assert store.receipt_path(KEY).read_bytes() == before
    assert [receipt["asked"] for receipt in store.receipts()] == [ASKED]


def test_a_receipt_is_never_written_before_its_object(store: Store) -> None:
    with store.lock(), pytest.raises(CorruptError, match="gone"):
        store.commit(KEY, digest("nothing"), ASKED, {})
    assert store.receipt(KEY) is None


def test_a_key_is_the_digest_of_what_was_asked(store: Store) -> None:
    with store.lock():
        name = store.put_record(Output("generate"))
        with pytest.raises(ValueError, match="not the digest"):
            store.commit(digest("other"), name, ASKED, {})


@pytest.mark.parametrize("lost", ["output", "shard", "weights"])
def test_work_whose_objects_are_gone_is_done_again_with_a_warning(
    store: Store, lost: str, caplog: pytest.LogCaptureFixture
) -> None:
    with store.lock():
        made = adapter(store, BASE, 1)
        shard = store.put_rows("judgments", [judgment(response(prompt(1), made, 1), 2.0)])
        output = store.put_record(Output("train", {"judgments": (shard,)}, {"adapter": made}))
        store.commit(KEY, output, ASKED, {})
        gone = {"output": output, "shard": shard, "weights": store.adapter(made).weights}[lost]
        data = store.get(gone)
        store.object_path(gone).unlink()
        with caplog.at_level(logging.WARNING):
            assert store.recall(KEY) is None
        assert gone in caplog.text
        store.put(data)
        assert store.commit(KEY, output, ASKED, {}) == output
        assert store.recall(KEY) == output


def test_a_receipt_may_stand_for_a_bare_shard(store: Store) -> None:
    with store.lock():
        shard = store.put_rows("prompts", [prompt(1)])
        assert store.commit(KEY, shard, ASKED, {}) == shard
        assert store.recall(KEY) == shard


def test_a_damaged_receipt_is_corrupt_and_not_missing(store: Store) -> None:
    with store.lock():
        store.commit(KEY, store.put_record(Output("generate")), ASKED, {})
    path = store.receipt_path(KEY)
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(CorruptError, match="selfsame verify"):
        store.recall(KEY)


def test_a_receipt_under_another_name_is_corrupt(store: Store) -> None:
    with store.lock():
        store.commit(KEY, store.put_record(Output("generate")), ASKED, {})
    other = digest("other")
    store.receipt_path(KEY).rename(store.receipt_path(other))
    with pytest.raises(CorruptError):
        store.recall(other)


@pytest.mark.parametrize("name", ["", "R1", "-r", "a/b", "../x", "a" * 64, "r1@3", "r 1", ".tmp-1", "é"])
def test_a_name_that_cannot_be_a_runs_is_refused(store: Store, name: str) -> None:
    with pytest.raises(UsageError) as caught:
        store.run(name)
    assert repr(name) in str(caught.value) and caught.value.exit_code == 2


def test_a_run_moves_and_comes_back(store: Store) -> None:
    with store.lock():
        started = new_run("r1")
        store.move(started)
        assert store.run("r1") == started
        moved = close(store, started, 0, BASE)
    assert store.run("r1") == moved
    assert store.run("r2") is None
    assert store.runs() == [moved]


def test_a_run_cannot_point_at_what_is_not_there(store: Store) -> None:
    with store.lock(), pytest.raises(ValueError, match="not in the store"):
        store.move(replace(new_run("r1"), iteration=digest("nothing")))


def test_an_adapters_folder_holds_its_two_files_and_a_changed_one_is_restored(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    with store.lock():
        name = adapter(store, BASE, 1)
        folder = store.adapter_folder(name)
        assert sorted(path.name for path in folder.iterdir()) == ["adapter_config.json", "adapter_model.safetensors"]
        good = (folder / "adapter_model.safetensors").read_bytes()
        (folder / "adapter_model.safetensors").write_bytes(good[:-1] + b"\xff")
        assert store.adapter_folder(name) == folder
        assert (folder / "adapter_model.safetensors").read_bytes() == good
    assert "restored" in caplog.text
    # Whoever only reads needs no lock for a copy that is right.
    assert Store(store.home).adapter_folder(name) == folder


def test_a_home_that_is_not_there_reads_as_empty(tmp_path: Path) -> None:
    store = Store(tmp_path / "nowhere")
    assert store.runs() == [] and store.run("r1") is None and store.recall(KEY) is None and store.owner() is None
    assert not store.home.exists()


def test_the_store_starts_without_any_large_library() -> None:
    code = (
        "import sys, runs.store, runs.lineage, runs.query, runs.verify, runs.environment\n"
        "print([m for m in ('pyarrow', 'duckdb', 'numpy', 'torch', 'pydantic', 'mlflow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_file_is_stored_by_its_bytes(store: Store, tmp_path: Path) -> None:
    (tmp_path / "weights").write_bytes(b"abc")
    with store.lock():
        assert store.get(store.put_file(tmp_path / "weights")) == b"abc"
