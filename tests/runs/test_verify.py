"""Whatever changes under the home is named."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from runs.canonical import digest
from runs.errors import UsageError
from runs.lineage import closed, first_link
from runs.mlflow_mark import Mark, mark_path, write_mark
from runs.records import Iteration
from runs.store import Store
from runs.tables import to_parquet
from runs.verify import verify
from tests.runs.history import BASE, close, new_run, prompt, response, small_history


@pytest.fixture
def copy(history: Store, tmp_path: Path) -> Store:
    shutil.copytree(history.home, tmp_path / "copy")
    return Store(tmp_path / "copy")


def test_a_sound_store_has_no_problems(history: Store) -> None:
    assert verify(history) == []
    assert verify(history, "r2") == verify(history, "r1@1") == verify(history, "r1@1/judge") == []


def test_an_empty_home_has_no_problems(tmp_path: Path) -> None:
    assert verify(Store(tmp_path / "home")) == []


def test_a_changed_byte_anywhere_is_named(copy: Store) -> None:
    everything = [path for path in copy.home.rglob("*") if path.is_file() and path.name != "lock"]
    by_folder = [[p for p in everything if folder in p.parts] for folder in ("objects", "receipts", "refs", "adapters")]
    assert sum(map(len, by_folder)) == len(everything) > 60
    one_by_one = [[path] for paths in by_folder for path in paths[:: max(1, len(paths) // 3)]]
    for changed in [*by_folder, *one_by_one]:
        good = {path: path.read_bytes() for path in changed}
        for number, path in enumerate(changed):
            place = number * 7919 % len(good[path])
            path.write_bytes(good[path][:place] + bytes([good[path][place] ^ 1]) + good[path][place + 1 :])
        assert {problem.file for problem in verify(copy)} >= set(changed)
        for path in changed:
            path.write_bytes(good[path])
    assert verify(copy) == []


def test_a_changed_byte_in_a_mark_of_what_was_sent_is_named(copy: Store) -> None:
    write_mark(copy.home, "r1", Mark("sqlite:///somewhere.db", copy.runs()[0].iteration, "1", "2"))
    assert verify(copy) == []
    mark = mark_path(copy.home, "r1")
    mark.write_bytes(mark.read_bytes().replace(b"somewhere", b"elsewhere"))
    assert [problem.file for problem in verify(copy)] == [mark]


def test_a_file_that_is_gone_or_cut_is_named_with_all_that_need_it(copy: Store) -> None:
    tip = copy.iteration(copy.runs()[1].iteration)
    shard = copy.output(tip.outputs["judge"]).tables["judgments"][0]
    shared = copy.iteration(tip.parent).outputs["judge"]
    copy.object_path(shard).unlink()
    cut = copy.object_path(shared)
    cut.write_bytes(cut.read_bytes()[:5])
    found = {problem.file: problem.needed_by for problem in verify(copy)}
    assert "r2@2/judge" in found[copy.object_path(shard)]
    assert {"r1@1/judge", "r2@1/judge"} <= set(found[cut])


def test_only_what_an_address_needs_is_reported_for_it(copy: Store) -> None:
    output = copy.output(copy.iteration(copy.runs()[0].iteration).outputs["judge"])
    path = copy.object_path(output.tables["judgments"][0])
    path.write_bytes(b"x")
    assert [problem.file for problem in verify(copy, "r1@2/judge")] == [path]
    assert [problem.file for problem in verify(copy, "r1@2")] == [path]
    assert [problem.file for problem in verify(copy, "r1")] == [path]
    assert verify(copy, "r1@2/generate") == verify(copy, "r2") == []


def test_a_row_whose_digest_lies_is_named(store: Store) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from runs.output import Output
    from runs.tables import read_table

    table = read_table("responses", to_parquet("responses", [response(prompt(1), BASE, 1)]), "")
    lying = table.set_column(0, table.schema.field("digest"), pa.array([digest("another")]))
    nobody = to_parquet("responses", [replace(response(prompt(1), BASE, 1), adapter="")])
    sink = pa.BufferOutputStream()
    pq.write_table(lying, sink)
    with store.lock():
        shards = store.put(sink.getvalue().to_pybytes()), store.put(nobody)
        output = store.put_record(Output("generate", {"responses": shards}))
        store.move(replace(new_run("r1"), under_way={"generate": output}))
    problems = {problem.file: problem for problem in verify(store)}
    assert set(problems) == {store.object_path(shard) for shard in shards}
    assert digest("another") in problems[store.object_path(shards[0])].what
    assert "who made it" in problems[store.object_path(shards[1])].what
    assert problems[store.object_path(shards[0])].needed_by == ("r1@0/generate",)


def test_what_is_lost_beside_an_iteration_is_named_with_all_that_need_it(copy: Store) -> None:
    closing = copy.closing(first_link(copy, copy.runs()[0]).closing.digest)
    lost = copy.receipt_path(closing.receipts["measure"])
    lost.unlink()
    assert [(problem.file, problem.needed_by) for problem in verify(copy)] == [(lost, ("r1@0/measure", "r2@0/measure"))]
    beside = copy.object_path(closing.digest)
    beside.unlink()
    assert [(problem.file, problem.needed_by) for problem in verify(copy)] == [(beside, ("r1@0", "r2@0"))]


def test_a_chain_with_a_hole_is_named(store: Store) -> None:
    with store.lock():
        run = close(store, new_run("r1"), 0, BASE)
        store.move(closed(store, run, Iteration(run.iteration, 2, {}, 1, {}, BASE, digest("d")), {}))
    assert [problem.needed_by for problem in verify(store)] == [("r1",)]


def test_a_stranger_among_the_files_is_named(copy: Store) -> None:
    strangers = [copy.home / "objects" / "notes.txt", copy.home / "refs" / "Bad Name.json"]
    for path in strangers:
        path.write_bytes(b"hello")
    assert {problem.file for problem in verify(copy)} == set(strangers)


def test_what_a_killed_writer_left_is_no_problem(copy: Store) -> None:
    adapter = next((copy.home / "adapters").iterdir())
    for folder in (copy.home / "objects", adapter):
        (folder / ".tmp-abc").write_bytes(b"half")
    assert verify(copy) == []


def test_an_address_that_names_nothing_is_a_usage_error(history: Store) -> None:
    with pytest.raises(UsageError):
        verify(history, "r9")


def test_the_same_history_gets_the_same_digests(history: Store, tmp_path: Path) -> None:
    again = small_history(tmp_path / "again")
    assert [run.iteration for run in again.runs()] == [run.iteration for run in history.runs()]
    assert [p.name for p in again.files("objects")] == [p.name for p in history.files("objects")]
