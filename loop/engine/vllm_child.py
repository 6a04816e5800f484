"""The engine's own process, `python -P -m loop.engine.vllm_child FD`: vLLM behind a pipe that speaks JSON.

Each message from the parent has one reply: `{"result": ...}`; `{"refused": TEXT}` for what was found wrong before vLLM
saw it; or `{"failed": TEXT}`, after which this process ends: a step of vLLM that failed leaves requests behind that
hang the next call, and a NaN in its cache spoils the answers of others (vLLM issues 50283 and 57716).
"""

import json
import os
import sys
import traceback
from multiprocessing.connection import Connection

from trainers.lifeline import exit_with_parent


def serve(parent: Connection) -> None:
    """Answer the parent until it closes the pipe or something fails. The first message says what to serve."""
    from loop.engine.vllm_child_served import Refused, Served, answer, start

    served: Served | None = None
    while True:
        try:
            message = json.loads(parent.recv_bytes())
        except EOFError:
            return
        try:
            if served is None:
                served, result = start(message), None
            else:
                result = answer(served, message)
            outcome = {"result": result}
        except Refused as error:
            outcome = {"refused": str(error)}
        except Exception as error:
            traceback.print_exc()
            outcome = {"failed": f"{type(error).__name__}: {error}"}
        parent.send_bytes(json.dumps(outcome, allow_nan=False).encode())
        if "failed" in outcome:
            return


if __name__ == "__main__":
    exit_with_parent()  # before the seconds that importing vLLM takes
    connection = Connection(int(sys.argv[1]))
    os.set_inheritable(connection.fileno(), False)
    serve(connection)
    sys.stdout.flush()
    os._exit(0)  # nothing here needs the seconds that vLLM's own farewell takes
