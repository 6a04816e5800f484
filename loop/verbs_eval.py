"""`eval ...`: put questions with known answers to a model, and hold policies of any runs against each other."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loop.home import home
from loop.terminal import Json, print_aside, print_document, print_line, table
from loop.verbs_run import Overrides
from runs.errors import ConfigError
from runs.store import Store

if TYPE_CHECKING:
    from judges.statistics import Estimate
    from loop.external.choice_report import Group, Report

app = typer.Typer(
    help="Put questions with known answers to a model, or hold policies against each other.", no_args_is_help=True
)
Words = Annotated[
    list[str],
    typer.Argument(metavar="RUN@N... [KEY=VALUE]...", help="Iterations of runs with one base model, and settings"),
]
Who = Annotated[str, typer.Option("--judge", metavar="WHO", help="seed, base, endpoint, or an iteration such as r2@3")]


@app.command()
def mc(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Multiple-choice questions: JSONL or Parquet")],
    overrides: Overrides = None,
    model: Annotated[
        str | None, typer.Option(metavar="FOLDER|microworld:m1|OWNER/NAME", help="The model; microworld:m1 if none")
    ] = None,
    adapter: Annotated[str | None, typer.Option(metavar="ADDRESS", help="An iteration's policy, e.g. r1@3")] = None,
    min_mass: Annotated[
        float, typer.Option(min=0, max=1, help="Least probability of all letters together, or it is no answer")
    ] = 0.5,
    skip_long: Annotated[bool, typer.Option("--skip-long", help="Leave out what the engine cannot take")] = False,
    as_json: Json = False,
) -> int:
    """Ask every question with each option at each letter, and say how many are right and how much the letters matter.

    The probabilities of the letters are the answer. Questions on whose letters the model puts little, and ties, are
    counted apart.
    """
    from loop.external.questions import read_questions

    questions = read_questions(file)
    # Imported only now: a mistake in the file is answered at once.
    from loop.external.ask_questions import ask, too_long
    from loop.external.choice_report import report
    from loop.external.one_policy import find_policy, serving

    store = Store(home())
    policy = find_policy(store, model, adapter, overrides or ())
    long = too_long(policy, questions)
    if long and not skip_long:
        place, length = next(iter(long.items()))
        raise ConfigError(
            f"{len(long)} of {len(questions)} questions are too long for {policy.name} with "
            f"engine.max_model_len_tokens={policy.config.engine.max_model_len_tokens}, the longest is {place} with "
            f"{length} tokens; raise it if the model can read more, or leave them out with --skip-long"
        )
    kept = [question for question in questions if question.place not in long]
    if not kept:
        raise ConfigError(f"{file}: all {len(questions)} questions are too long for {policy.name}; name another model")
    with serving(store, policy) as engine:
        answers = ask(
            engine, policy, kept, min_mass, lambda done: print_aside(f"{done} of {len(kept)} questions asked")
        )
    found = report(answers)
    if as_json:
        print_document(
            {
                "file": str(file),
                "policy": policy.name,
                "digest": policy.digest,
                "too_long": long,
                **found.document(),
                "questions": [asdict(answer) for answer in answers],
            }
        )
    else:
        print_line(_text(found, policy.name, len(long)))
    return 0


@app.command()
def elo(
    words: Words,
    judge: Who = "seed",
    greedy: Annotated[bool, typer.Option("--greedy", help="Of greedy answers, not of sampled ones")] = False,
    as_json: Json = False,
) -> int:
    """Rate policies by blind head-to-head judgments of their answers to the same held-out prompts.

    The prompts are those of the first one's run; the judge sees no author, and both orders.
    """
    from loop.elo import ratings
    from loop.watching import watch

    with watch() as say:
        found = ratings(Store(home()), *_named(words), judge=judge, greedy=greedy, say=say)
    _show(found.document(), found.text(), as_json)
    return 0


@app.command()
def harm(
    words: Words,
    judge: Who = "seed",
    prompts: Annotated[int, typer.Option(min=2, help="Held-out prompts of each kind")] = 128,
    as_json: Json = False,
) -> int:
    """Measure harm, help and evasion apart, where harm is asked for and elsewhere, greedy and at temperature 1.

    By a judge, who should be none that the policies learnt from, and beside it by gold where there is any.
    """
    from loop.harm_and_help import harm_and_help
    from loop.watching import watch

    with watch() as say:
        found = harm_and_help(Store(home()), *_named(words), judge=judge, count=prompts, say=say)
    _show(found.document(), found.text(), as_json)
    return 0


def _named(words: list[str]) -> tuple[list[str], list[str]]:
    """The iterations, and the settings."""
    return [word for word in words if "=" not in word], [word for word in words if "=" in word]


def _show(document: dict[str, Any], text: str, as_json: bool) -> None:
    if as_json:
        print_document(document)
    else:
        print_line(text)


def _text(found: "Report", name: str, left_out: int) -> str:
    groups = {"all": found.overall, **found.by_category}
    lines = [
        table(
            ("", "n", "right", "wrong", "tie", "low mass", "accuracy", "guessing"),
            [_row(label, group) for label, group in groups.items()],
        ),
    ]
    lines.append("\nAccuracy is of right and wrong alone: a tie is no answer, and of low mass no letter is one.")
    if found.letters:
        letters = ", ".join(f"{letter.letter} {_share(letter.excess, '+')}" for letter in found.letters)
        lines += [
            "",
            f"Of the {found.overall.n - found.overall.low_mass} questions to which it says a letter, {name} prefers "
            f"the same option in every order in {_share(found.same_in_all_orders)}; one order alone would be right in "
            f"{_share(found.one_order_accuracy)}.",
            f"A letter's mean probability less its share by chance, whatever stood there: {letters}.",
        ]
    else:
        lines.append(f"\n{name} would say no letter to any question: it does not take this form of question.")
    if left_out:
        lines.append(f"{left_out} questions were too long and left out.")
    return "\n".join(lines)


def _row(label: str, group: "Group") -> tuple[str | int, ...]:
    counts = (group.n, group.right, group.wrong, group.tie, group.low_mass)
    return (label, *counts, _share(group.accuracy), f"{group.chance:.0%}")


def _share(estimate: "Estimate", sign: str = "") -> str:
    if estimate.value is None or estimate.low is None or estimate.high is None:
        return "-"
    return f"{estimate.value:{sign}.1%} ({estimate.low:{sign}.1%} to {estimate.high:{sign}.1%})"
