"""Figure 5: lines and median lines of a file, for `gateway/`, each of its rooms, and the tests."""

from __future__ import annotations

from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parents[2]


def row(name: str, files: list[Path]) -> str:
    counts = [len(path.read_bytes().splitlines()) for path in files]
    return (
        f"{name:24} {len(files):5} files {sum(counts):7} lines, median {median(counts):5.0f}, longest {max(counts):4}"
    )


def main() -> None:
    for name in ("gateway", "tests", "scripts/figures"):
        print(row(name, sorted((ROOT / name).rglob("*.py"))))
    print()
    for room in sorted(path for path in (ROOT / "gateway").iterdir() if list(path.rglob("*.py"))):
        print(row(f"gateway/{room.name}", sorted(room.rglob("*.py"))))


if __name__ == "__main__":
    main()
