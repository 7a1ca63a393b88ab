"""Two verifiers of DKIM that share nothing with us: Mail::DKIM in Perl, and OpenDKIM in C."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.peers import ground

_SCRIPT = Path(__file__).with_name("mail_dkim.pl")
_AT_ONCE = 200  # files in one call: their names are one argument
_VERDICT = re.compile(r"^opendkim: (\S+): (.*)$", re.MULTILINE)
_OPENDKIM = """
Mode v
Syslog no
On-BadSignature accept
On-NoSignature accept
TestDNSData file:{zone}
"""


def why_missing() -> str | None:
    """Return the reason for skipping, or None."""
    if reason := ground.why_missing(["perl", "opendkim"]):
        return reason
    found = subprocess.run(["perl", "-MMail::DKIM::Verifier", "-e1"], capture_output=True, check=False)
    return None if found.returncode == 0 else f"{ground.MISSING}: Mail::DKIM not installed; run scripts/test as root"


def mail_dkim(folder: Path, records: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return what Mail::DKIM says of each file of the folder: ``pass`` where a signature that it knows is good."""
    zone = _zone(folder, records)
    said = _run(["perl", str(_SCRIPT), str(zone)], folder, "".join(f"{name}\n" for name in names))
    return {name: verdict for name, verdict, *_ in (line.split("\t") for line in said.splitlines())}


def opendkim(folder: Path, records: Mapping[str, str], names: Sequence[str]) -> dict[str, str]:
    """Return what OpenDKIM says of the first signature of each file: ``pass``, or its complaint."""
    (folder / "opendkim.conf").write_text(_OPENDKIM.format(zone=_zone(folder, records)))
    verdicts: dict[str, str] = {}
    for start in range(0, len(names), _AT_ONCE):
        said = _run(["opendkim", "-x", "opendkim.conf", "-t", ",".join(names[start : start + _AT_ONCE])], folder, "")
        verdicts |= {name: "pass" if words.endswith("succeeded") else words for name, words in _VERDICT.findall(said)}
    return verdicts


def _zone(folder: Path, records: Mapping[str, str]) -> Path:
    zone = folder / "zone"
    zone.write_text("".join(f"{name} {text}\n" for name, text in records.items()))
    return zone


def _run(command: Sequence[str], folder: Path, given: str) -> str:
    path = ground.program(command[0])
    done = subprocess.run(
        [str(path), *command[1:]], cwd=folder, input=given.encode(), capture_output=True, check=False, timeout=60
    )
    return (done.stdout + done.stderr).decode(errors="replace")
