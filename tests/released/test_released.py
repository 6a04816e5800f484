"""Stores that released versions wrote are whole, read as they did, and go on. (B6; `tests.released.make` keeps one.)"""

import tarfile
from pathlib import Path

import pytest

from loop.cli import main
from runs.lineage import find_run, iterations
from runs.store import Store
from runs.verify import verify
from tests.released.make import HERE, log

ARCHIVES = sorted(HERE.glob("*.tar.gz"))


@pytest.fixture(params=ARCHIVES, ids=lambda archive: archive.name.removesuffix(".tar.gz"))
def released(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store of a released version, beside the files that its runs were made with."""
    with tarfile.open(request.param) as archive:
        archive.extractall(tmp_path, filter="data")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path / "home"))
    return Store(tmp_path / "home")


def test_there_is_a_store_and_none_is_large() -> None:
    assert ARCHIVES
    assert max(archive.stat().st_size for archive in ARCHIVES) < 300 * 1024


def test_every_byte_of_it_is_as_it_was_written(released: Store) -> None:
    assert verify(released) == []
    assert [(ref.name, ref.tag, ref.branched_from) for ref in released.refs()] == [
        ("good", True, "r1@1"),
        ("r1", False, ""),
        ("r2", False, "r1@1"),
    ]


def test_its_log_reads_as_it_did(released: Store) -> None:
    assert log("r1") == Path("log.txt").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ["r1", "r2"])
def test_its_runs_go_on_by_an_iteration(name: str, released: Store) -> None:
    before = iterations(released, find_run(released, name))
    assert main(["resume", name, f"iterations={len(before)}"]) == 0
    after = iterations(released, find_run(released, name))
    assert after[:-1] == before and after[-1].index == len(before)
    assert verify(released) == []


def test_what_it_holds_can_be_shown_and_asked_for(released: Store, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["status"], ["log", "--graph"], ["show", "r1@1/judge"], ["show", "r2@2"], ["diff", "r1", "r2"]):
        assert main(words) == 0, words
    assert main(["query", "select count(*) from judgments where run = 'r1'", "--json"]) == 0
    assert "16" in capsys.readouterr().out
