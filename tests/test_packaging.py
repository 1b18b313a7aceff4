"""What the wheel holds, and what importing the core costs."""

from __future__ import annotations

import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
PACKAGES = {
    "jwt_middleware",
    "jwt_middleware_django",
    "jwt_middleware_flask",
    "jwt_middleware_mcp",
    "jwt_middleware_pytest",
    "jwt_middleware_starlette",
}


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Build the wheel with the tools that are installed: no network in this test."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder)]
    subprocess.run([*command, str(ROOT)], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_holds_the_packages_and_nothing_else(wheel_names: list[str]) -> None:
    tops = {name.split("/")[0] for name in wheel_names}

    assert {top for top in tops if not top.endswith(".dist-info")} == PACKAGES


def test_every_package_is_marked_as_typed(wheel_names: list[str]) -> None:
    assert {f"{package}/py.typed" for package in PACKAGES} <= set(wheel_names)


def test_the_wheel_carries_the_licence(wheel_names: list[str]) -> None:
    assert any(name.endswith("/licenses/LICENSE") for name in wheel_names)


def imported_by(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*{{m.split('.')[0] for m in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split())


def test_the_core_pulls_in_no_web_framework_and_no_event_loop() -> None:
    heavy = {"starlette", "fastapi", "flask", "django", "werkzeug", "uvicorn", "asyncio", "trio"}
    heavy |= {"mcp", "fastmcp", "pydantic"}

    assert not heavy & imported_by(
        "import jwt_middleware, jwt_middleware.asgi, jwt_middleware.wsgi"
    )


def test_the_core_exports_no_middleware_by_itself() -> None:
    import jwt_middleware

    assert not hasattr(jwt_middleware, "JWTMiddleware")
    assert all(hasattr(jwt_middleware, name) for name in jwt_middleware.__all__)


def test_every_dependency_and_every_extra_has_a_lower_bound() -> None:
    """What develops the package has none: its tests run at the newest releases."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = {k: v for k, v in project["optional-dependencies"].items() if k != "dev"}
    wanted = project["dependencies"] + [text for extra in extras.values() for text in extra]
    bounds = {text: {bound.operator for bound in Requirement(text).specifier} for text in wanted}

    assert len(bounds) > 10
    assert {text for text, operators in bounds.items() if ">=" not in operators} == set()
