"""The command line: thin clients of the admin socket, and the start of the daemon; what is heavy is imported late."""

from __future__ import annotations

import sys
from collections.abc import Sequence


def main() -> None:
    """The program ``postern``."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a Latin-1 terminal must not end a command half way
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """One command from its arguments to its exit code; errors are said on stderr."""
    import click

    from gateway.cli import exits
    from gateway.cli.tree import root
    from gateway.domain.errors import PosternError

    try:
        result = root.main(list(arguments), prog_name="postern", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return exits.USAGE
    except click.ClickException as error:
        error.show()
        return exits.DATA
    except (click.Abort, KeyboardInterrupt):
        return exits.INTERRUPTED
    except exits.Failed as error:
        _complain(error.sentence, error.faults)
        return error.code
    except PosternError as error:
        _complain(error.sentence, ())
        return exits.TRY_AGAIN
    return result if isinstance(result, int) else exits.OK


def _complain(sentence: str, faults: Sequence[str]) -> None:
    from gateway.cli import clean

    for text in (*faults, sentence):
        sys.stderr.write(clean.line(text) + "\n")
