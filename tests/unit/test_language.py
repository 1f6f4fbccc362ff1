"""The project uses one vocabulary: these words have a plain word instead, in code, docs and tests alike."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
INSTEAD: dict[str, str] = {
    r"wish(es|ed)?": "subscription change",
    r"verdicts?": "outcome",
    r"agendas?": "order selection",
    r"tally|tallies": "load summary",
    r"desks?": "explain context",
    r"practice|examinations?": "check context, checks",
    r"paces?|paced|unpaced": "rate limit",
    r"brakes?|braked": "mass-change guard",
    r"heal(s|ed|ing)?": "creating missing references",
    r"goodbyes?": "withdrawal",
    r"quiet(ly)?": "no workflow triggers",
    r"settle[sd]?|settling": "resolve",
    r"rivals?": "competing duplicates",
    r"pairs? of accounts|accountpair": "shop",
    r"house|friends?|sisters?|neighbou?rs?|laws?": "package layout, other records, sibling SKUs, properties",
    r"mend(s|ed|ing)?|look(s|ed|ing)? over|take[sn]? up|took up": "fix, check, retry",
    r"nobody|somebody|whoever|anybody|everybody": "the role: the operator, the customer, the caller",
}
EXCEPTIONS = {
    "tests/unit/test_language.py": "names the words",
    "sandbox/shop/people.py": "an invalid e-mail of the seed",
    "requirements.lock": "package names",
    "requirements-image.txt": "package names",
    "docs/licences.md": "package names",
}
ALLOWED = re.compile(
    r"(?i:nobody(\.zwitscher)?@example\.com)|\"nobody\""  # made-up addresses
    r"|--quiet|quiet=True"  # options of other programs
)
_ENDS = r"(?=\b|_)"


@pytest.mark.parametrize("word", INSTEAD)
def test_words__of_the_project_are_plain(word: str) -> None:
    pattern = re.compile(rf"(?<![a-z0-9])(?:{word}){_ENDS}", re.IGNORECASE)
    found = [
        f"{file}:{number}: {line.strip()[:100]}"
        for file in _files()
        for number, line in enumerate((ROOT / file).read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(ALLOWED.sub("", line))
    ]
    assert found == [], f"say {INSTEAD[word]!r} instead"


def _files() -> list[str]:
    """The texts of the repository; in an export without git all files."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False).stdout
    names = listed.splitlines() or [str(file.relative_to(ROOT)) for file in ROOT.rglob("*") if file.is_file()]
    kinds = {".py", ".md", ".toml", ".html", ".css", ".js", ".yaml", ".json", ".example", ""}
    return [name for name in names if name not in EXCEPTIONS and Path(name).suffix in kinds]
