"""Hold that a tag, the version in pyproject.toml and a dated section of CHANGELOG.md agree.

Usage: release.py vX.Y.Z
"""

import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parent.parent
version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
tag = sys.argv[1]
if tag != f"v{version}":
    sys.exit(f"the tag is {tag}, and pyproject.toml says {version}")
dated = rf"^## {re.escape(version)} \(\d{{4}}-\d\d-\d\d\)$"
if not re.search(dated, (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE):
    sys.exit(f"CHANGELOG.md has no section '## {version} (YYYY-MM-DD)'")
