import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
TRUTH = {
    f"microworld.{name}"
    for name in (
        "gold",
        "principles",
        "annotator",
        "reading",
        "solutions",
        "mistakes",
        "answers",
        "demonstrations",
        "remarks",
        "writer",
        "verdicts",
        "writings",
        "shares",
        "evaluate",
    )
}
ROOMS = ("loop", "judges", "trainers", "runs", "constitutions")
FOR_THE_EYE = {Path("loop/gold.py")}


def imports_of(file: Path) -> set[str]:
    """The modules that `file` imports, wherever in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def test_no_step_judge_or_guard_can_import_the_truth() -> None:
    files = [file for room in ROOMS for file in (ROOT / room).rglob("*.py")]
    assert len(files) > 10
    cheats = {file.relative_to(ROOT) for file in files if imports_of(file) & TRUTH}
    assert cheats <= FOR_THE_EYE


def test_drawing_prompts_does_not_import_the_truth() -> None:
    waiting, reached = {"microworld.splits"}, set[str]()
    while waiting:
        module = waiting.pop()
        reached.add(module)
        file = ROOT / f"{module.replace('.', '/')}.py"
        if file.exists():
            waiting |= {name for name in imports_of(file) if name.startswith("microworld")} - reached
    assert "microworld.grammar" in reached
    assert not reached & TRUTH


def test_the_microworld_knows_nothing_of_the_loop_judges_or_trainers() -> None:
    for file in (ROOT / "microworld").rglob("*.py"):
        assert not {name.split(".")[0] for name in imports_of(file)} & {"loop", "judges"}, file
