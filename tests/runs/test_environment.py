"""What is known of the machine, and how a change of it is told."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from runs.environment import differences, environment

ROOT = Path(__file__).parents[2]


def test_an_environment_is_json_and_equal_to_itself() -> None:
    now = environment()
    assert json.loads(json.dumps(now)) == now
    assert differences(now, environment()) == []
    assert now["packages"]["pyarrow"] and now["cores"] >= 1


def test_each_difference_is_one_sentence_with_both_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    then = environment()
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    now = environment() | {"python": "9.9"}
    assert differences(then, now) == [
        "OMP_NUM_THREADS was absent and is now 3",
        f"python was {then['python']} and is now 9.9",
    ]


def test_looking_imports_none_of_the_packages() -> None:
    code = (
        "import sys; from runs.environment import environment; environment()\n"
        "print([m for m in ('torch', 'vllm', 'trl', 'peft', 'mlflow', 'duckdb', 'pyarrow') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
