"""Before the daemon carries an entry on: its folder is entered, its run begun or changed, and the disk looked at."""

import os

from loop.daemon.queue import Entry, QueueFile
from runs.errors import ConfigError
from runs.store import Store


def make_ready(store: Store, queue: QueueFile, entry: Entry) -> None:
    """Begin the run, or change it, as the entry wants; then the run's ref holds all that there is to know.

    Raises ConfigError for what is not there any more, and DiskError where the run would at once, before its inputs are
    hashed and its engine starts.
    """
    # Not at the top: the daemon is ready before numpy and pyarrow are imported.
    from loop.config import Config
    from loop.drive import begin, change, config_of, existing
    from loop.limits import LimitWatch
    from loop.preflight import check
    from loop.preflight_judges import check_endpoint

    _enter(entry.folder)
    if entry.config is not None:
        config = Config.model_validate(entry.config)
        check(config)
        check_endpoint(config)
        if store.run(entry.name) is None:
            begin(store, entry.name, entry.recipe, config)
        else:
            change(store, entry.name, config)
        queue.change(lambda queue: queue.changed(entry.number, config=None))
    LimitWatch(config_of(existing(store, entry.name)).limits, store.home).check_disk()


def _enter(folder: str) -> None:
    """Work in the folder that the run was submitted from: its configuration may name files from there."""
    try:
        os.chdir(folder)
    except OSError as error:
        raise ConfigError(f"the folder that this was submitted from cannot be entered: {folder} ({error})") from error
