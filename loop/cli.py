"""`selfsame`: the verbs put together, and the one place where an error becomes a sentence and an exit code."""

import os
import shlex
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

import typer

from loop import (
    verbs_ablate,
    verbs_approve,
    verbs_audit,
    verbs_calibrate,
    verbs_constitution,
    verbs_daemon,
    verbs_eval,
    verbs_export,
    verbs_faults,
    verbs_fit,
    verbs_history,
    verbs_label,
    verbs_look,
    verbs_machine,
    verbs_recipes,
    verbs_report,
    verbs_run,
)
from loop.home import home
from loop.terminal import block, print_aside, print_document
from loop.userinfo import without_userinfo
from runs.errors import FULL_OR_FAILING, BusyError, DiskError, SelfsameError, SilentError
from runs.store import Store

app = typer.Typer(
    help="A self-rewarding loop: one language model writes, judges and is trained, with its drift watched.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(verbs_run.run)
app.command()(verbs_run.resume)
app.command()(verbs_approve.approve)
app.command()(verbs_history.branch)
app.command()(verbs_look.status)
app.command()(verbs_look.log)
app.command()(verbs_look.show)
app.command()(verbs_history.diff)
app.command()(verbs_look.query)
app.command()(verbs_report.report)
app.command()(verbs_history.tag)
app.command()(verbs_history.delete)
app.command()(verbs_look.verify)
app.command()(verbs_history.gc)
app.command()(verbs_export.export)
app.add_typer(verbs_recipes.app, name="recipes")
app.add_typer(verbs_constitution.app, name="constitution")
app.add_typer(verbs_daemon.app, name="daemon")
app.add_typer(verbs_audit.app, name="audit")
app.add_typer(verbs_eval.app, name="eval")
app.command()(verbs_fit.fit)
app.command()(verbs_calibrate.calibrate)
app.command()(verbs_faults.faults)
app.command()(verbs_ablate.ablate)
app.add_typer(verbs_label.app, name="label")
app.command()(verbs_machine.mlflow)
app.command()(verbs_machine.doctor)

AFTER_THE_DISK = (
    "Make room or mend the disk, then do the same again; a run goes on with `selfsame resume NAME`: nothing is lost"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what `arguments` say (by default those of the process) and return the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return int(app(args=words, prog_name="selfsame", standalone_mode=False) or 0)
    except BusyError as error:
        way_on = "" if isinstance(error, SilentError) else _if_a_daemon(words)
        return _failed(f"{error}{way_on}", error.exit_code, words)
    except DiskError as error:
        return _failed(f"{error}. {AFTER_THE_DISK}", error.exit_code, words)
    except SelfsameError as error:
        return _failed(str(error), error.exit_code, words)
    except typer.TyperException as error:
        return _failed(f"{_sentence(error)}. `selfsame --help` lists the verbs and what they take", 2, words)
    except OSError as error:
        if error.errno in FULL_OR_FAILING:
            return _failed(f"{error}. {AFTER_THE_DISK}", DiskError.exit_code, words)
        return _bug(error, words)
    except Exception as error:
        return _bug(error, words)


def _if_a_daemon(words: Sequence[str]) -> str:
    """What else there is to do where the owner of the home is a daemon."""
    from loop.daemon.client import as_typed_beside_a_daemon, find_daemon

    if find_daemon(Store(home())) is None:
        return ""
    if words[0] in ("run", "resume"):
        handed = as_typed_beside_a_daemon(f"selfsame {shlex.join(words)}")
        return f". It is a daemon: `{handed}` hands it the work; `selfsame daemon stop` ends it"
    if words[0] == "gc":
        return (
            ". It is a daemon, which does this by itself once a day between two runs; to have it now: `selfsame daemon "
            "stop`, `selfsame gc` and `selfsame daemon run --detach`. `selfsame gc --dry-run` says what would go"
        )
    if words[0] != "daemon":
        return ". It is a daemon; `selfsame daemon stop` ends it, and `selfsame daemon run --detach` starts it again"
    return (
        ". It is a daemon: `selfsame daemon submit RECIPE`, or `--resume NAME` for a run that exists, hands it the "
        "work; `selfsame daemon stop` ends it"
    )


def _bug(error: Exception, words: Sequence[str]) -> int:
    """Keep the traceback, spare the person."""
    return _failed(f"a bug: {type(error).__name__}: {error}. The traceback is in {_keep_traceback()}", 1, words)


def _failed(text: str, code: int, words: Sequence[str]) -> int:
    said = without_userinfo(_as_typed_here(text))
    print_aside(f"selfsame: {block(said)}")
    if "--json" in words:
        print_document({"error": said, "exit_code": code})
    return code


def _as_typed_here(text: str) -> str:
    """`text` with commands that work here. Whatever is wrong with the home, it does not hide what failed."""
    from loop.daemon.client import as_typed_here

    try:
        return as_typed_here(Store(home()), text)
    except (SelfsameError, OSError):
        return text


def _sentence(error: typer.TyperException) -> str:
    formatted = getattr(error, "format_message", None)
    return (str(formatted()) if formatted else str(error)).rstrip(".")


def _keep_traceback() -> Path:
    handle, name = tempfile.mkstemp(prefix="selfsame-", suffix=".traceback")
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(without_userinfo(traceback.format_exc()))
    return Path(name)
