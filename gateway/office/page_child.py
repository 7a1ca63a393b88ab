"""The process that makes harmless HTML of strangers' mail: it has no files, little memory and time, and may be killed.

It takes one message from standard input and answers with two lines of JSON: what is attached, then the page.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from dataclasses import asdict
from typing import BinaryIO

from gateway.mime.sheet import enclosures, fragment

MAX_MEMORY = 2 * 1024 * 1024 * 1024  # octets of address space: twenty times the largest message
CPU_SECONDS = 2  # two megabytes of HTML take half of one with the start; hostile nesting takes minutes


def main() -> None:
    """For one message."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    raw = sys.stdin.buffer.read()
    _say(answers, {"enclosures": [asdict(one) for one in enclosures(raw)]})  # known, whatever becomes of the rest
    _say(answers, {"html": fragment(raw)})


def _say(answers: BinaryIO, part: dict[str, object]) -> None:
    answers.write(json.dumps(part).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    main()
