"""What a configuration may say, and what is said where it says something else."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constitutions.strict_yaml import load_strict_yaml
from loop.config import Config
from loop.load_config import KEYS, SECTIONS, SMOKE, load_config, recipe_about, recipe_names, with_overrides
from loop.show_config import annotated
from loop.userinfo import holds_userinfo
from runs.errors import ConfigError, SelfsameError, UsageError


def write(folder: Path, text: str) -> str:
    path = folder / "run.yaml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def refusal(source: str, *overrides: str) -> SelfsameError:
    with pytest.raises(SelfsameError) as caught:
        load_config(source, overrides)
    return caught.value


def test_an_empty_file_is_the_default_configuration(tmp_path: Path) -> None:
    assert load_config(write(tmp_path, "# nothing\n")) == Config()


@pytest.mark.parametrize("text", ["1e-5", "0.00001", "1E-5", "'1e-5'"])
def test_a_small_number_is_a_number_however_it_is_written(tmp_path: Path, text: str) -> None:
    assert load_config(write(tmp_path, f"train:\n  learning_rate: {text}\n")).train.learning_rate == 0.00001


def test_an_override_is_typed_like_the_file(tmp_path: Path) -> None:
    config = load_config("self-rewarding", ["train.learning_rate=1e-5", "gold.enabled=false", "measure.anchors=null"])
    assert (config.train.learning_rate, config.gold.enabled, config.measure.anchors) == (0.00001, False, None)


def test_an_override_wins_over_the_file_and_leaves_the_rest(tmp_path: Path) -> None:
    source = write(tmp_path, "train:\n  beta: 0.2\n  epochs: 3\n")
    assert (
        load_config(source, ["train.beta=0.4"]).train.beta,
        load_config(source, ["train.beta=0.4"]).train.epochs,
    ) == (
        0.4,
        3,
    )


@pytest.mark.parametrize(
    ("override", "facts"),
    [
        ("trian.beta=1", ["trian.beta", "train.beta"]),
        ("train.bta=1", ["train.bta", "train.beta"]),
        ("beta=0.2", ["'beta'", "train.beta"]),
        ("train=5", ["train is a section", "train.beta"]),
        ("train.__class__=x", ["train.__class__"]),
        ("a.b.c=1", ["a.b.c", "selfsame recipes show"]),
        ("seed.x=1", ["seed", "seed.x"]),
        ("seed", ["'seed'", "KEY=VALUE"]),
        ("seed=", ["'seed='", "KEY=VALUE"]),
        ("=1", ["=1"]),
        ("seed=null", ["seed", "None"]),
        ("train.beta=lots", ["train.beta", "lots", "number"]),
        ("train.beta=nan", ["train.beta", "nan"]),
        ("train.beta=inf", ["train.beta", "inf"]),
        ("train.beta=0", ["train.beta", "greater than 0"]),
        ("train.epochs=1.5", ["train.epochs", "1.5", "integer"]),
        ("gold.enabled=perhaps", ["gold.enabled", "perhaps"]),
        ("engine.kind=magic", ["engine.kind", "magic", "vllm"]),
        ("generate.temperature=3", ["generate.temperature", "3"]),
    ],
)
def test_a_bad_override_is_refused_with_key_and_value(override: str, facts: list[str]) -> None:
    error = refusal("self-rewarding", override)
    assert error.exit_code == 78
    assert all(fact in str(error) for fact in facts), str(error)


def test_the_word_none_is_told_how_none_is_spelt() -> None:
    assert "none is spelt judge.principles=null" in str(refusal("self-rewarding", "judge.principles=none"))
    assert "null" not in str(refusal("self-rewarding", "judge.replies=none"))


def test_a_key_given_twice_is_refused_with_both_values() -> None:
    error = refusal("self-rewarding", "train.beta=0.1", "train.beta=0.2")
    assert error.exit_code == 78
    assert "train.beta=0.1" in str(error) and "train.beta=0.2" in str(error)


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("trian:\n  beta: 1\n", ["trian", "train"]),
        ("train:\n  betta: 1\n", ["train.betta", "train.beta"]),
        ("train: 5\n", ["train is a section", "'5'"]),
        ("train:\n", ["train is a section"]),
        ("train: [1, 2]\n", ["train is a section"]),
        ("seed: [1]\n", ["seed", "['1']"]),
        ("seed: {a: 1}\n", ["seed"]),
        ("seed: one\n", ["seed", "one"]),
        ("seed: 1\nseed: 2\n", ["line 2", "seed", "twice"]),
        ("seed: &a 1\niterations: *a\n", ["line 1"]),
        ("seed: !!python/object/apply:os.system [ls]\n", ["line 1", "tag"]),
        ("seed: [1\n", ["line"]),
        ("- seed\n", ["a list"]),
        ("seed\n", ["'seed'"]),
        ("__class__: x\n", ["__class__"]),
    ],
)
def test_a_bad_file_is_refused_with_its_name_and_the_place(tmp_path: Path, text: str, facts: list[str]) -> None:
    source = write(tmp_path, text)
    error = refusal(source)
    assert error.exit_code == 78
    assert all(fact in str(error) for fact in [source, *facts]), str(error)


def test_every_fault_of_a_file_is_named_at_once(tmp_path: Path) -> None:
    error = refusal(write(tmp_path, "seed: one\niterations: many\n"))
    assert "seed" in str(error) and "iterations" in str(error)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_bytes(b"seed: \xff\xfe\n")
    assert refusal(str(path)).exit_code == 78


def test_an_unknown_recipe_is_a_usage_error_with_the_nearest_and_all_names() -> None:
    error = refusal("self-rewardin")
    assert isinstance(error, UsageError)
    assert "did you mean self-rewarding?" in str(error) and "self-rewarding-8b" in str(error)


def test_an_error_says_what_the_setting_is_for() -> None:
    assert str(KEYS["train.beta"].description) in str(refusal("self-rewarding", "train.beta=x"))


def test_every_setting_has_a_sentence() -> None:
    assert all((field.description or "").endswith((".", "`.")) for field in KEYS.values())


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_shown_loads_back_to_the_same_configuration(tmp_path: Path, name: str) -> None:
    config = load_config(name)
    assert load_config(write(tmp_path, annotated(config))) == config


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_says_what_the_paper_did_and_what_differs(name: str) -> None:
    about = recipe_about(name)
    assert "The paper:" in about and "This:" in about and "differs:" in about and "arXiv" in about


def test_what_is_shown_holds_every_key_and_its_sentence() -> None:
    shown = annotated(Config())
    text = " ".join(line.strip("# ") for line in shown.splitlines())
    for dotted, field in KEYS.items():
        assert f"{dotted.rpartition('.')[2]}:" in shown
        assert " ".join(field.description.split()) in text


TAKEN = st.text(min_size=1).filter(lambda text: not holds_userinfo(text))
"""What may stand in a configuration: anything but a password in an address."""


@settings(max_examples=50)
@given(TAKEN, TAKEN)
def test_any_text_survives_being_shown(base: str, source: str) -> None:
    config = with_overrides({"model": {"base": base}, "prompts": {"source": source}}, [], "here")
    tree = load_strict_yaml(annotated(config))
    assert with_overrides(tree, [], "here") == config


def test_the_smoke_size_is_small_and_yields_to_overrides() -> None:
    config = load_config("self-rewarding", ["iterations=2"], smoke=True)
    assert (config.iterations, config.prompts.count) == (2, 32)
    assert all(override.partition("=")[0] in set(KEYS) - SECTIONS for override in SMOKE)


def test_a_stored_configuration_takes_overrides_like_a_file() -> None:
    stored = json.loads(json.dumps(load_config("self-rewarding").model_dump(mode="json")))
    assert with_overrides(stored, ["iterations=6"], "the configuration of r1").iterations == 6
    with pytest.raises(ConfigError, match="iteratoins"):
        with_overrides(stored, ["iteratoins=6"], "the configuration of r1")
