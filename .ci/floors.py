"""Print what pyproject.toml asks for, one requirement a line, at the lowest versions it allows.

Arguments are the names of distributions to leave out. Usage: floors.py NAME ... >requirements.txt
"""

import sys
import tomllib
from pathlib import Path

from packaging.requirements import Requirement

PROJECT = tomllib.loads((Path(__file__).parent.parent / "pyproject.toml").read_text())["project"]
left_out = {PROJECT["name"], *sys.argv[1:]}
wanted = [*PROJECT["dependencies"]]
for extra in PROJECT["optional-dependencies"].values():
    wanted += extra
for text in wanted:
    requirement = Requirement(text)
    if requirement.name not in left_out:
        print(str(requirement).replace(">=", "=="))
