"""The process that reads strangers' mail and documents for search: it has no files, little memory, and may be killed.

It takes messages from standard input, each behind its length (four octets, big-endian), and answers with lines of JSON:
first the letter, then each piece of a document that could be read, then a line that says it is over.
"""

from __future__ import annotations

import json
import os
import resource
import struct
import sys
from collections.abc import Iterator
from dataclasses import asdict
from typing import BinaryIO

from gateway.domain.record import Attachment
from gateway.mime.attachments import attachments
from gateway.mime.office_text import NotRead
from gateway.policy.texts import document_words, letter_texts

LENGTH = struct.Struct(">I")
MAX_MEMORY = 2 * 1024 * 1024 * 1024  # octets of address space: twenty times the largest message
MAX_DOCUMENTS = 50  # of a message that are read; the names of all are known
NICENESS = 10  # mail that comes and goes has precedence


def main() -> None:
    """Until standard input ends."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    os.nice(NICENESS)
    given, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever a library prints is no answer
    while raw := _next(given):
        for line in read(raw):
            answers.write(json.dumps(line).encode() + b"\n")
            answers.flush()


def _next(given: BinaryIO) -> bytes:
    head = given.read(LENGTH.size)
    return given.read(LENGTH.unpack(head)[0]) if len(head) == LENGTH.size else b""


def read(raw: bytes) -> Iterator[dict[str, object]]:
    """The lines of an answer; what goes wrong with a document is told in the last one."""
    found = attachments(raw)
    yield {"letter": asdict(letter_texts(raw, found))}
    faults: list[str] = []
    for one in found[:MAX_DOCUMENTS]:
        yield from _document(one, faults)
    yield {"over": faults}


def _document(one: Attachment, faults: list[str]) -> Iterator[dict[str, object]]:
    try:
        for words, line in document_words(one):
            yield {"words": words, "line": line}
    except (NotRead, MemoryError, RecursionError) as error:
        faults.append(f"attachment {one.number}: {type(error).__name__} {error}"[:200])


if __name__ == "__main__":
    main()
