"""Six secrets as people have them, the forms in which one could leak, and who is to be seen while a run is at work."""

import base64
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, quote_plus

from tests.loop.processes import descendants

CANARIES = {
    "HF_TOKEN": "hf_Canary/1+Ab",
    "MLFLOW_TRACKING_PASSWORD": "Canary2&p/w+d=",
    "OPENAI_API_KEY": "sk-Canary3/x+y",
    "AWS_SECRET_ACCESS_KEY": "Canary4/aws+key=",
    "HTTPS_PROXY": "Canary5proxypass",
    "export.tracking_uri": "Canary6uripass",
}
ENVIRONMENT = {name: secret for name, secret in CANARIES.items() if name.isupper()} | {
    "MLFLOW_TRACKING_USERNAME": "somebody",
    "HTTPS_PROXY": f"http://somebody:{CANARIES['HTTPS_PROXY']}@127.0.0.1:9",
}
URI = f"http://somebody:{CANARIES['export.tracking_uri']}@127.0.0.1:9"
WORKERS = (b"loop.workers.guardian", b"loop.engine.stub_child", b"trainers.host")
LOOK_S = 0.05


def forms(secret: str) -> set[bytes]:
    """The secret as it is, in an address, and in base 64 wherever in a longer text it stands."""
    plain = secret.encode()
    encoded = set()
    for shift in range(3):
        whole = base64.b64encode(bytes(shift) + plain).rstrip(b"=")
        inside = whole[(shift * 8 + 5) // 6 : -2]  # the first and the last may depend on their neighbours
        encoded |= {inside, inside.translate(bytes.maketrans(b"+/", b"-_"))}
    return {plain, quote(secret, safe="").encode(), quote_plus(secret).encode(), *encoded}


def traces(data: bytes) -> list[str]:
    """The names of the secrets that are in `data` in any form."""
    return [name for name, secret in CANARIES.items() if any(form in data for form in forms(secret))]


def traces_below(folder: Path) -> dict[str, list[str]]:
    """The files below a folder, links not followed, that have a secret in them or in their name."""
    found = {}
    for path in folder.rglob("*"):
        data = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        if names := traces(os.fsencode(path) + data):
            found[str(path)] = names
    return found


@dataclass
class Seen:
    """What anybody could read of the processes that were looked at: command lines and titles; workers' environments."""

    titles: set[bytes] = field(default_factory=set)
    of_workers: set[bytes] = field(default_factory=set)

    def look(self, pids: list[int]) -> None:
        """Take down what there is to read now."""
        for pid in pids:
            with suppress(OSError):
                title = Path(f"/proc/{pid}/cmdline").read_bytes()
                self.titles |= {title, Path(f"/proc/{pid}/comm").read_bytes()}
                if any(module in title for module in WORKERS):
                    self.of_workers.add(Path(f"/proc/{pid}/environ").read_bytes())


@contextmanager
def watched(roots: Mapping[str, int]) -> Iterator[Seen]:
    """Look at all that the processes `roots` start, again and again, until the block ends. Roots may be added."""
    seen, over = Seen(), threading.Event()

    def look_on() -> None:
        while not over.wait(LOOK_S):
            for pid in list(roots.values()):
                with suppress(OSError):
                    seen.look([pid, *descendants(pid)])

    looking = threading.Thread(target=look_on)
    looking.start()
    try:
        yield seen
    finally:
        over.set()
        looking.join()
