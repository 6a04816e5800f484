"""Names that lead elsewhere: nothing outside the home is made, changed or opened for them. (H3)"""

import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import constitutions
import microworld
from constitutions.load import find_constitution
from loop import drive
from loop.base import find_base
from loop.config import Model
from loop.load_config import RECIPES, load_config
from runs.canonical import digest_folder
from runs.errors import SelfsameError, UsageError
from runs.store import Store
from tests.hostile.conftest import Types, touched_paths
from tests.loop.small import small_config

UP = (
    *("../", "../../", "../../../", "./../", "x/../../", "..//", "..\\", "/", "//", "~/"),
    *("%2e%2e%2f", "..%2f", "..;/", "....//", "outside/../../"),
)
ELSEWHERE = (
    *("secret", "outside/secret", "link", "link/secret", "refs/r1", "etc/passwd", "secret\x00", "lock", "objects"),
)
LOOK_ALIKES = (
    *("\uff52\uff11", "r\uff11", "\u04331", "\u1e591", "r\u00b9", "r1\u0301", "r1\u200b", "\ufeffr1", "\u202er1"),
    *("\u2024\u2024/secret", "\uff0e\uff0e/secret", "..\u2215secret", "\uff0fetc\uff0fpasswd", "\u2025/secret"),
)
STRANGE = (
    *(".", "..", "...", "-", "-rf", "--help", "~", "*", "r1.json", "r1 ", " r1", "r1\n", "\nr1", "r1\t", "R1", "r_1"),
    *("a" * 64, "a" * 4096, "a/" * 2048, "../" * 1365, "\x00", "a\x00b", "\x1b[31m", "\udcff", "r1\r", "r1\u2028"),
    *("CON", "C:\\secret", "\\\\host\\share", "file:///etc/passwd", "http://host/x", "$(id)", "`id`", "{0}", "%s"),
    *("r1;id", "r1|id", "r1&id", "r1'", 'r1"', "r1\\", "r1:stream", "r1,r2", "r1=1", "r1.yaml", "!!"),
    *("r1#1", "r1?1", "r1\x85", "r1\x0b", "LPT1"),
)
NAMES = [*LOOK_ALIKES, *STRANGE, *map("".join, itertools.product(UP, ELSEWHERE))]


@pytest.fixture
def around(tmp_path: Path, finished: Store, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a home in it, and beside the home what nobody may touch."""
    shutil.copytree(finished.home, tmp_path / "home")
    (tmp_path / "outside").mkdir()
    for name, ending in itertools.product(("secret", "outside/secret"), ("", ".json", ".yaml", ".yml")):
        (tmp_path / f"{name}{ending}").write_text('{"name": "a secret"}')
    for folder in ("refs", "logs", "adapters", "control"):
        (tmp_path / "home" / folder).mkdir(exist_ok=True)
        (tmp_path / "home" / folder / "link").symlink_to(tmp_path / "outside")
    monkeypatch.setenv("SELFSAME_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path / "home")
    return tmp_path


def strays(touched: set[str], around: Path) -> list[str]:
    """Of the paths that were touched, those beside the home, and what the names mean by absolute ones."""
    beside = {str(around / name) for name in os.listdir(around)} - {str(around / "home")}
    meant = {*beside, "/secret", "/etc/passwd", "/outside", "/link", "/refs", "/lock", "/objects"}
    return [path for path in touched if any(path == one or path.startswith(f"{one}/") for one in meant)]


def test_there_are_two_hundred_different_names() -> None:
    assert len(set(NAMES)) == 200


def test_no_name_leads_out_of_the_home(around: Path, types: Types) -> None:
    verbs: tuple[Callable[[str], tuple[str, ...]], ...] = (
        lambda name: ("resume", "--", name),
        lambda name: ("show", "--", name),
        lambda name: ("log", "--", name),
        lambda name: ("tag", "--", "r1@0", name),
        lambda name: ("delete", "--yes", "--", name),
        lambda name: ("branch", "--", "r1@0", name),
        lambda name: ("daemon", "pause", "--", name),
    )
    before = digest_folder(around)
    with touched_paths() as touched:
        for place, name in enumerate(NAMES):
            said = types(*verbs[place % len(verbs)](name))
            assert said.code == 2, (name, said)
            with pytest.raises(UsageError):
                drive.begin(Store(around / "home"), name, "test", small_config())
            with pytest.raises(ValueError, match="no digest"):
                Store(around / "home").object_path(name)
    assert strays(touched, around) == []
    assert digest_folder(around) == before


def test_no_name_of_something_shipped_leads_elsewhere(around: Path) -> None:
    rooms = (Path(constitutions.__file__).parent, Path(microworld.__file__).parent / "models", RECIPES)
    leading = [str(around / "secret"), *(os.path.relpath(around / "secret", room) for room in rooms)]
    with touched_paths() as touched:
        for name in [*NAMES, *leading]:
            for find in (
                find_constitution,
                lambda name: find_base(Model(base=f"microworld:{name}")),
                lambda name: find_base(Model(base=name)),
                lambda name: load_config(f"{name}/nowhere"),
            ):
                with pytest.raises(SelfsameError) as refused:
                    find(name)
                assert refused.value.exit_code in (2, 78) and "a secret" not in str(refused.value)
    assert strays(touched, around) == []
