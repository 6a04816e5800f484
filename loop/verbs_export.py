"""`export`: what a run made, for other programs to open."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from loop.home import home
from loop.terminal import Json, print_document, print_line
from runs.errors import UsageError
from runs.store import Store

Folder = Path | None


def export(
    address: Annotated[str, typer.Argument(help="An iteration: NAME@3, or NAME for its last one")],
    adapter: Annotated[Folder, typer.Option(metavar="FOLDER", help="Write its policy's adapter, as PEFT does")] = None,
    merged: Annotated[
        Folder, typer.Option(metavar="FOLDER", help="Write a model with the adapter in its weights, for transformers")
    ] = None,
    pairs: Annotated[
        Folder, typer.Option(metavar="FILE.jsonl", help="Write its preference pairs, for datasets and TRL")
    ] = None,
    card: Annotated[
        Path | None, typer.Option(metavar="FILE.html", help="Write the run's transparency page up to there")
    ] = None,
    constitution: Annotated[
        Path | None, typer.Option(metavar="FILE.yaml", help="Write the constitution that its run was begun with")
    ] = None,
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16"] | None,
        typer.Option(help="What the merged weights are written as; by default as the base's are"),
    ] = None,
    as_json: Json = False,
) -> int:
    """Write an iteration's adapter, its model with the adapter merged into it, its pairs, a page about the run up to
    there, or the run's constitution; or the judge's own adapter (`r1@3/train_judge`). Nothing is written over.

    Of a merged model it is said how far it is from base and adapter, in float32, on answers to held-out prompts.
    """
    if not (adapter or merged or pairs or card or constitution):
        raise UsageError(
            "name what to write: --adapter FOLDER, --merged FOLDER, --pairs FILE.jsonl, --card FILE.html or "
            "--constitution FILE.yaml"
        )
    if dtype and not merged:
        raise UsageError(f"--dtype {dtype} is for --merged FOLDER; adapters and pairs are written as they are stored")
    # Imported only now: a mistake on the command line is answered at once.
    from loop.artifacts import PROGRAM, check_new_folder, pair_rows, write_adapter, write_constitution, write_merged
    from loop.external.one_policy import find_policy
    from loop.people.sheet import check_new_file, write_jsonl
    from loop.start_engine import allowance
    from loop.workers.trainers import Trainers
    from runs.lineage import JUDGE_TRAINING, resolve

    store = Store(home())
    found = resolve(store, address)
    if found.step not in (None, JUDGE_TRAINING) and (adapter or merged):
        raise UsageError(f"{address} is a step, and a policy is an iteration's; name {address.partition('/')[0]}")
    for folder in (adapter, merged):
        if folder:
            check_new_folder(folder)
    if pairs:
        check_new_file(pairs, ".jsonl")
    if card:
        check_new_file(card, ".html")
    if constitution:
        check_new_file(constitution, ".yaml", ".md")
    written: dict[str, Any] = {}
    if constitution:
        digest = write_constitution(store, found.run, constitution)
        written["constitution"] = {"file": str(constitution), "digest": digest}
    if card:
        from loop.transparency import page_of

        card.write_text(page_of(store, found), encoding="utf-8", errors="backslashreplace")
        written["card"] = {"file": str(card)}
    if pairs:
        rows = pair_rows(store, found)
        write_jsonl(pairs, rows)
        written["pairs"] = {"file": str(pairs), "rows": len(rows)}
    if adapter or merged:
        policy = find_policy(store, None, address, ())
        if adapter:
            write_adapter(store, policy, adapter)
            written["adapter"] = {"folder": str(adapter), "digest": policy.digest}
        if merged:
            limits, threads = allowance(policy.config.limits), policy.config.train.threads
            with Trainers(store.logs / "export.log", threads, (PROGRAM,), limits) as trainers:
                account = write_merged(store, policy, found, merged, dtype, trainers)
            written["merged"] = {"folder": str(merged), **account}
    if as_json:
        print_document(written)
    else:
        print_line("\n".join(_sentences(written)))
    return 0


def _sentences(written: dict[str, Any]) -> list[str]:
    said = []
    if "card" in written:
        said.append(f"{written['card']['file']}: the transparency page.")
    if one := written.get("constitution"):
        said.append(f"{one['file']}: the constitution {one['digest']}; who wrote it stood in its file alone.")
    if "pairs" in written:
        said.append(f"{written['pairs']['file']}: {written['pairs']['rows']} pairs.")
    if "adapter" in written:
        said.append(f"{written['adapter']['folder']}: the adapter {written['adapter']['digest']}.")
    if one := written.get("merged"):
        said.append(
            f"{one['folder']}: a model in {one['dtype']}. On {one['tokens']} tokens of {one['rows']} held-out answers "
            f"its log-probabilities are {one['mean_apart_nats']:.2g} nats from those of base and adapter in the mean, "
            f"{one['max_apart_nats']:.2g} at most."
        )
    return said
