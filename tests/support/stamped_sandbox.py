"""The program, whose `sandbox` notes when each message's request came, by the kernel: in a file of its own, as JSON.

python tests/support/stamped_sandbox.py ARRIVALS sandbox ...
"""

from __future__ import annotations

import json
import runpy
import sys
from pathlib import Path
from typing import TextIO

from arrival_times import StampedSocket

from batch.sandbox import server


def note(file: TextIO, request: bytes, at: float) -> None:
    if not request.startswith(b"POST"):
        return
    body = json.loads(request.partition(b"\r\n\r\n")[2])
    file.write(json.dumps({"sender": body["whatsapp_phone_id"], "at": at}) + "\n")
    file.flush()


def main() -> None:
    file = Path(sys.argv.pop(1)).open("w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    listener = server._listener
    server._listener = lambda port: StampedSocket.instead_of(
        listener(port), lambda request, at: note(file, request, at)
    )
    runpy.run_module("batch", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
