"""The rules of the house, read off the syntax trees: who may import whom, and what nobody may call."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from constitutions.load import find_constitution
from loop.cli import main
from loop.load_config import load_config, recipe_names

ROOT = Path(__file__).parent.parent
ROOMS = ("runs", "constitutions", "judges", "trainers", "microworld", "loop")
MAY_IMPORT = {
    "runs": {"runs"},
    "constitutions": {"constitutions", "runs"},
    "judges": {"judges", "constitutions", "runs"},
    "trainers": {"trainers", "constitutions", "runs"},
    "microworld": {"microworld", "constitutions", "runs"},
    "loop": set(ROOMS),
}
HEAVY = {"torch", "transformers", "trl", "peft", "vllm"}
WORKER_PROGRAMS = {
    "loop/engine/cpu_lora.py",
    "loop/engine/vllm_child.py",
    "loop/engine/vllm_child_served.py",
    "microworld/evaluate.py",
    "microworld/packing.py",
    "microworld/pretrain.py",
    "microworld/reader.py",
    "microworld/tokenizer.py",
    "microworld/verdicts.py",
    "microworld/vocabulary.py",
    "microworld/writings.py",
    "trainers/answer_trainer.py",
    "trainers/dpo.py",
    "trainers/held_out.py",
    "trainers/losses.py",
    "trainers/merge.py",
    "trainers/online_trainer.py",
    "trainers/pair_trainer.py",
    "trainers/policy.py",
    "trainers/preference.py",
    "trainers/preference_model.py",
    "trainers/preference_trainer.py",
    "trainers/probe.py",
    "trainers/progress.py",
    "trainers/rewards.py",
    "trainers/rl.py",
    "trainers/score.py",
    "trainers/sft.py",
    "trainers/token_trainer.py",
    "trainers/training.py",
    "trainers/training_state.py",
}
TRUTH = {"microworld.gold", "microworld.principles", "microworld.annotator"}
"""What knows the microworld's truth. No step, judge or guard may see it."""
MAY_KNOW_THE_TRUTH = ("loop/gold.py", "microworld/", "benchmarks/", "tests/")
EXECUTES = {"eval", "exec", "compile", "__import__", "torch.load", "yaml.load", "yaml.unsafe_load", "os.system"}
CLOCKS = {"loop/clock.py", "trainers/progress.py", "trainers/stub.py"}
"""Wall-clock time is provenance: it is written into receipts, and no result depends on it."""
TOO_HEAVY_FOR_STATUS = (*HEAVY, "mlflow", "pandas", "numpy", "pyarrow", "duckdb", "matplotlib")
VERBS = (
    *("ablate", "approve"),
    *("run", "resume", "branch", "status", "log", "show", "diff", "query", "tag", "delete", "verify", "gc"),
    *("recipes", "report", "export", "mlflow", "doctor", "fit", "faults"),
)


def sources(*folders: str) -> list[str]:
    return sorted(str(p.relative_to(ROOT)) for folder in folders for p in (ROOT / folder).rglob("*.py"))


@cache
def tree(file: str) -> ast.Module:
    return ast.parse((ROOT / file).read_text(encoding="utf-8"), file)


@cache
def imports(file: str) -> set[str]:
    """The full name of everything that `file` imports, wherever in the file it does."""
    return set(_imports(file))


def _imports(file: str) -> Iterator[str]:
    for node in ast.walk(tree(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative imports hide which room they mean"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(name: str) -> str:
    return name.split(".")[0]


def test_rooms_import_one_way_only() -> None:
    for file in sources(*ROOMS):
        allowed = MAY_IMPORT[file.split("/")[0]]
        forbidden = {name for name in imports(file) if room(name) in ROOMS and room(name) not in allowed}
        assert not forbidden, f"{file} may not import {forbidden}"


def test_the_microworld_sees_only_records_and_canonical_forms_of_runs() -> None:
    for file in sources("microworld"):
        seen = {name for name in imports(file) if room(name) == "runs"}
        assert all(name.startswith(("runs.records", "runs.canonical")) for name in seen), f"{file} imports {seen}"


def test_torch_and_its_like_are_imported_by_worker_programs_only() -> None:
    for file in set(sources(*ROOMS)) - WORKER_PROGRAMS:
        heavy = {name for name in imports(file) if room(name) in HEAVY}
        assert not heavy, f"{file} is no worker program and imports {heavy}"


def test_worker_programs_are_started_and_never_imported_by_others() -> None:
    modules = {program.removesuffix(".py").replace("/", ".") for program in WORKER_PROGRAMS}
    for file in set(sources(*ROOMS)) - WORKER_PROGRAMS:
        imported = {name for name in imports(file) if name in modules or name.rpartition(".")[0] in modules}
        assert not imported, f"{file} may not import {imported}"


def test_nobody_who_acts_on_it_sees_the_truth() -> None:
    for file in sources(*ROOMS):
        seen = {name for name in imports(file) if name in TRUTH or name.rpartition(".")[0] in TRUTH}
        assert not seen or file.startswith(MAY_KNOW_THE_TRUTH), f"{file} may not import {seen}"


def test_the_gold_step_is_known_to_the_list_of_steps_alone() -> None:
    for file in set(sources("loop")) - {"loop/pipeline.py"}:
        assert not any(name in ("loop.gold", "loop.steps.gold") for name in imports(file)), file
        assert not any(name.startswith("loop.gold.") for name in imports(file)), file


def test_nothing_read_can_execute() -> None:
    for file in sources(*ROOMS):
        assert not {"pickle", "dill", "cloudpickle", "marshal", "shelve"} & {room(name) for name in imports(file)}, file
        for node in ast.walk(tree(file)):
            if isinstance(node, ast.Call):
                assert ast.unparse(node.func) not in EXECUTES, f"{file}: {ast.unparse(node)}"
            if isinstance(node, ast.keyword) and node.arg in {"trust_remote_code", "shell"}:
                assert ast.unparse(node.value) == "False", f"{file}: {node.arg}"


def test_the_wall_clock_is_read_only_for_provenance() -> None:
    for file in set(sources(*ROOMS)) - CLOCKS:
        read = {ast.unparse(node) for node in ast.walk(tree(file)) if isinstance(node, ast.Attribute)}
        assert not read & {"time.time", "time.time_ns", "datetime.now", "datetime.utcnow"}, file


def test_a_file_fits_in_a_head() -> None:
    # Files aim for 250 lines; past 400 there is nothing left to argue.
    long = {file: len((ROOT / file).read_text(encoding="utf-8").splitlines()) for file in sources(*ROOMS)}
    assert {file: lines for file, lines in long.items() if lines > 400} == {}


def test_the_lists_of_this_test_name_files_that_exist() -> None:
    assert all((ROOT / file).is_file() for file in WORKER_PROGRAMS | CLOCKS)


def test_status_starts_without_what_is_heavy(tmp_path: Path) -> None:
    program = (
        "import sys; from loop.cli import main; code = main(['status', '--json']);"
        f"print(code, sorted(set({TOO_HEAVY_FOR_STATUS!r}) & set(sys.modules)), file=sys.stderr)"
    )
    environment = {"SELFSAME_HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stderr.split(" ", 1) == ["0", "[]\n"]


def test_a_run_starts_without_what_only_audits_and_workers_need() -> None:
    heavy = ("scipy", "sklearn", "pandas", "matplotlib", "duckdb", "mlflow", "torch", "transformers")
    check = f"import sys, loop.drive; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "--help"]) == 0
    shown = capsys.readouterr().out
    assert f"selfsame {verb}" in shown
    assert "--json" in shown


@pytest.mark.parametrize("name", recipe_names())
def test_every_shipped_recipe_loads_with_a_constitution_that_its_judge_can_ask(name: str) -> None:
    config = load_config(name)
    asked = {question for variant in config.variants() for question in variant.judge.asks}
    assert asked <= set(find_constitution(config.constitution).questions)


@pytest.mark.parametrize("file", sorted((ROOT / "constitutions").glob("*.yaml")))
def test_every_shipped_constitution_loads_under_its_own_name(file: Path) -> None:
    assert find_constitution(file.stem).name == file.stem
