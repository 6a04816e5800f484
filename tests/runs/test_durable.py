"""Bytes reach the disk whole or not at all."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runs.canonical import canonical_json
from runs.durable import make_folder, read_checked, read_file, write_checked, write_file
from runs.errors import CorruptError, DiskError

ROOT = Path(__file__).parents[2]


def test_a_file_is_whole_private_and_alone(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_file(path, b"old")
    write_file(path, b"new")
    assert read_file(path) == b"new"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_folders_are_private(tmp_path: Path) -> None:
    make_folder(tmp_path / "a" / "b")
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("a", "a/b")] == [0o700, 0o700]


def test_a_file_that_is_not_there_is_none_and_not_an_error(tmp_path: Path) -> None:
    assert read_file(tmp_path / "a") is None
    assert read_checked(tmp_path / "a") is None


def test_any_changed_byte_of_a_checked_file_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "ref.json"
    write_checked(path, {"name": "r1", "n": 3, "text": "grün", "half": 0.5})
    good = path.read_bytes()
    for place in range(len(good)):
        for bit in (1, 32):
            path.write_bytes(good[:place] + bytes([good[place] ^ bit]) + good[place + 1 :])
            with pytest.raises(CorruptError, match="selfsame verify"):
                read_checked(path)


@pytest.mark.parametrize("data", [b"", b"[]", b"3", b'{"checksum":1}', b"[" * 100_000, b'{"a":1}', b"\xff\xfe"])
def test_a_file_that_was_never_checked_is_corrupt(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(CorruptError):
        read_checked(tmp_path / "x")


@settings(max_examples=25)
@given(st.dictionaries(st.text(), st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()))
def test_a_checked_value_comes_back(tmp_path: Path, value: dict[str, object]) -> None:
    value.pop("checksum", None)
    write_checked(tmp_path / "x.json", value)
    assert canonical_json(read_checked(tmp_path / "x.json")) == canonical_json(value)


WRITE_TOO_MUCH = """
import sys
from pathlib import Path
from runs.durable import write_file
from runs.errors import DiskError
path = Path(sys.argv[1])
try:
    write_file(path, b"x" * 400_000)
except DiskError as error:
    print(error)
    sys.exit(error.exit_code)
"""


def test_a_file_that_may_not_grow_leaves_the_old_one_and_exits_74(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_file(path, b"old")
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))\n"
    command = [sys.executable, "-c", limit + WRITE_TOO_MUCH, str(path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 74, done.stderr
    assert str(path) in done.stdout and "400000 bytes needed" in done.stdout
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_really_full_disk_leaves_nothing_half_written_and_exits_74(tmp_path: Path) -> None:
    mounted = f"mount -t tmpfs -o size=128k none {tmp_path}"
    alone = ["unshare", "-rm", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*alone, mounted], capture_output=True).returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    script = f"{mounted} && {sys.executable} -c '{WRITE_TOO_MUCH}' {tmp_path}/a; echo code $?; ls -A {tmp_path}"
    done = subprocess.run([*alone, script], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "code 74", done.stdout + done.stderr
    assert "No space left" in done.stdout and "400000 bytes needed" in done.stdout


def test_a_folder_that_cannot_be_is_a_disk_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DiskError, match="cannot write"):
        write_file(tmp_path / "file" / "a", b"x")
