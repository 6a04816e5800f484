"""Step `seed`: fix the base model, and adopt the adapter that the policy starts from if one was given."""

from pathlib import Path

from loop.desk import Desk
from loop.steps.turn import Turn
from loop.training import import_adapter
from runs.canonical import digest_folder
from runs.output import Output


def inputs(desk: Desk, turn: Turn) -> dict[str, str]:
    """The bytes of the base and of the adapter to start from."""
    adapter = desk.config.model.adapter
    return {"base": desk.base.digest, "adapter": digest_folder(Path(adapter)) if adapter else ""}


def run(desk: Desk, turn: Turn, key: str) -> Output:
    """The seed policy's name: the base's digest, or that of the adapter adopted from the user's folder.

    `dtype` and `device` are in the output because later steps know the model by this output's digest alone.
    """
    model, given = desk.config.model, desk.config.model.adapter
    policy = import_adapter(desk, Path(given)) if given else desk.base.digest
    computed = {"dtype": model.dtype, "device": model.device}
    return Output("seed", {}, {"base": desk.base.digest, "policy": policy, **computed, "metrics": {}})
