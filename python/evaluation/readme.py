"""Puts a table into the README: what stands between <!-- NAME --> and <!-- /NAME --> is replaced by standard input.

No figure in the README is typed by hand.

  PYTHONPATH=python python3 -m evaluation.beta | python3 -m evaluation.readme beta
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parents[2] / "README.md"


def replace(text: str, name: str, table: str) -> str:
    marked = re.compile(rf"(<!-- {re.escape(name)} -->\n).*?(<!-- /{re.escape(name)} -->)", re.DOTALL)
    if not marked.search(text):
        raise SystemExit(f"readme: README.md has no place marked <!-- {name} -->")
    return marked.sub(lambda found: found[1] + table.strip() + "\n" + found[2], text)


def main() -> None:
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        raise SystemExit(__doc__)
    table = sys.stdin.read()
    if not table.strip():
        raise SystemExit("readme: nothing to put in")
    README.write_text(replace(README.read_text(), sys.argv[1], table))


if __name__ == "__main__":
    main()
