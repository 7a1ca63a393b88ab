"""Seconds from `postern serve` to its READY, and to the first answer of `postern status`: new data, then restarts.

python -m scripts.figures.ready [--starts 5]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

POSTERN = (sys.executable, "-m", "gateway")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=5)
    starts = parser.parse_args().starts
    with tempfile.TemporaryDirectory(prefix="postern-ready-") as folder:
        for number in range(starts):
            ready, answered = start(Path(folder))
            what = "restart" if number else "first start"
            print(f"{what:12} ready after {ready:.2f} s, status answered after {answered:.2f} s", flush=True)


def start(folder: Path) -> tuple[float, float]:
    """One life of the daemon on the data in ``folder``."""
    settings = folder / "postern.toml"
    settings.write_text(f'data_dir = "{folder}/data"\n[submission]\nlisten = ["127.0.0.1:0"]\n')
    begun = time.perf_counter()
    daemon = subprocess.Popen(
        [*POSTERN, "serve", "--config", settings], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert daemon.stdout is not None
    try:
        if not any('"ready"' in line for line in daemon.stdout):
            raise SystemExit("the daemon did not become ready")
        ready = time.perf_counter() - begun
        subprocess.run([*POSTERN, "--socket", folder / "data/admin.sock", "status"], check=True, capture_output=True)
        return ready, time.perf_counter() - begun
    finally:
        daemon.terminate()
        daemon.communicate()


if __name__ == "__main__":
    main()
