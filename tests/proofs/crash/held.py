"""The program with its libraries imported already, stopped just before it begins.

There strace takes hold of it: under strace the imports alone, some 30,000 system calls that decide nothing, would take
longer than all the rest.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

import batch.app.run
import batch.cli.commands.run
import batch.cli.main
import batch.cli.progress

PR_SET_PTRACER = 0x59616D61
"""Where Linux lets only a parent look on, the program must say that this other process may."""

if __name__ == "__main__":
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PTRACER, ctypes.c_ulong(-1), 0, 0, 0)
    os.kill(os.getpid(), signal.SIGSTOP)
    batch.cli.main.main()
