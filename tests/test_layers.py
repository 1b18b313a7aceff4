"""The house: which room stands on which floor, and that every import points downwards."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import TopologicalSorter
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

import jwt_middleware
import jwt_middleware_django
import jwt_middleware_flask
import jwt_middleware_mcp
import jwt_middleware_starlette

PACKAGE = Path(jwt_middleware.__file__).parent
ADAPTERS = "adapters"

FLOORS: list[dict[str, str]] = [
    {
        "errors": "why is it refused?",
        "background": "what runs beside requests?",
        "refusal_page": "how does a refusal look in a browser?",
    },
    {
        "principal": "who calls?",
        "responses": "how is an error said in HTTP?",
        "options": "which options are there, and how are they checked?",
        "events": "what is reported, to whom, in which form?",
    },
    {
        "keys": "which keys do we trust now?",
        "authorization": "what may this principal do?",
        "revocation": "what no longer counts?",
    },
    {"gateways": "how does this gateway write a token?"},
    {"verification": "is this token good, and whose is it?"},
    {
        "middleware": "what does every door do?",
        "sign_on": "how does a partner's link sign a person in?",
        "__init__": "which names are public?",
    },
    {
        "asgi": "the ASGI door",
        "wsgi": "the WSGI door",
        "testing": "how does an app test without a gateway?",
    },
    {ADAPTERS: "how does one framework install it?"},
    {"tools": "what does a developer run?"},
]
"""Each floor's rooms, each with the question that it answers: the only plan of the house."""

FLOOR_OF = {room: floor for floor, rooms in enumerate(FLOORS, 1) for room in rooms}
FRAMEWORKS = {
    "starlette",
    "fastapi",
    "flask",
    "werkzeug",
    "django",
    "asgiref",
    "rest_framework",
    "uvicorn",
    "httpx",
    "httpx2",
    "oauthlib",
    "websockets",
    "mcp",
    "fastmcp",
}
MAY_IMPORT_FRAMEWORKS = {"tools", ADAPTERS}


def modules() -> Iterator[tuple[str, Path]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield ".".join(("jwt_middleware", *path.relative_to(PACKAGE).with_suffix("").parts)), path


def imports_of(module: str, path: Path) -> Iterator[str]:
    """Every module that this one imports, by its full name; relative imports resolved."""
    folder = module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = folder[: len(folder) - node.level + 1] if node.level else []
            stem = [*base, *(node.module or "").split(".")] if node.module else base
            yield ".".join(stem)
            if node.level and not node.module:
                yield from (".".join((*stem, alias.name)) for alias in node.names)


def room_of(module: str) -> str | None:
    parts = module.split(".")
    if parts[0].startswith("jwt_middleware_"):
        return ADAPTERS
    if parts[0] != "jwt_middleware":
        return None
    if len(parts) < 2:
        return None
    return "tools" if parts[1] == "__main__" else parts[1]


def adapter_packages() -> dict[ModuleType, set[str]]:
    return {
        jwt_middleware_starlette: {"starlette", "fastapi"},
        jwt_middleware_flask: {"flask", "werkzeug"},
        jwt_middleware_django: {"django", "asgiref", "rest_framework"},
        jwt_middleware_mcp: {"mcp", "fastmcp", "starlette"},
    }


def test_every_room_has_a_floor() -> None:
    assert {room_of(module) for module, _ in modules()} == set(FLOOR_OF) - {ADAPTERS}


def test_a_room_imports_only_rooms_on_lower_floors() -> None:
    upward = [
        f"{module} imports {imported}"
        for module, path in modules()
        for imported in imports_of(module, path)
        if (room := room_of(imported)) is not None
        and room != room_of(module)
        and FLOOR_OF[room] >= FLOOR_OF[room_of(module) or ""]
    ]

    assert upward == []


def test_inside_a_folder_files_import_one_way() -> None:
    graph: dict[str, set[str]] = {}
    for module, path in modules():
        if not module.endswith("__init__"):
            graph[module] = set(imports_of(module, path))

    assert tuple(TopologicalSorter(graph).static_order())  # raises CycleError on a loop


def test_the_core_imports_no_web_framework() -> None:
    found = [
        f"{module} imports {imported}"
        for module, path in modules()
        if room_of(module) not in MAY_IMPORT_FRAMEWORKS
        for imported in imports_of(module, path)
        if imported.split(".")[0] in FRAMEWORKS
    ]

    assert found == []


def test_adapters_import_the_core_and_their_own_framework_only() -> None:
    for package, frameworks in adapter_packages().items():
        for path in Path(package.__file__ or "").parent.rglob("*.py"):
            for imported in imports_of(f"{package.__name__}.{path.stem}", path):
                top = imported.split(".")[0]
                others = FRAMEWORKS - frameworks
                assert top not in others, f"{path.name} imports {imported}"
                assert not top.startswith("jwt_middleware_") or top == package.__name__


def test_a_folder_face_has_no_logic() -> None:
    for module, path in modules():
        if module.endswith(".__init__") and module != "jwt_middleware.__init__":
            tree = ast.parse(path.read_text("utf-8"))
            plain = (ast.Import, ast.ImportFrom, ast.Expr, ast.Assign)
            assert all(isinstance(node, plain) for node in tree.body), module


def test_no_file_holds_two_concepts() -> None:
    paths = [path for _, path in modules()]
    for package in adapter_packages():
        paths += Path(package.__file__ or "").parent.rglob("*.py")

    assert [p.name for p in paths if len(p.read_text("utf-8").splitlines()) > 350] == []


def test_each_public_name_is_what_its_room_has() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text("utf-8"))
    [typed] = [node for node in tree.body if isinstance(node, ast.If) and not node.orelse][:1]
    homes = {
        alias.name: f"jwt_middleware.{node.module}"
        for node in typed.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert sorted(homes) == sorted(jwt_middleware.__all__)
    for name, home in homes.items():
        assert getattr(jwt_middleware, name) is getattr(import_module(home), name)
    with pytest.raises(AttributeError, match="'Verifyer'"):
        _ = jwt_middleware.Verifyer


def floors_as_table() -> str:
    rows = [
        f"| {number} | `{room}` | {question} |"
        for number, floor in reversed(list(enumerate(FLOORS, 1)))
        for room, question in floor.items()
    ]
    return "\n".join(["| floor | room | the question it answers |", "|---|---|---|", *rows])


def test_the_page_on_the_house_has_this_table() -> None:
    page = Path(__file__).parents[1].joinpath("docs/architecture.md").read_text("utf-8")
    _, _, rest = page.partition("tests/test_layers.py -->\n")
    printed, _, _ = rest.partition("\n<!-- end of floors -->")

    assert printed == floors_as_table()


def test_every_file_that_the_page_names_is_there() -> None:
    page = Path(__file__).parents[1].joinpath("docs/architecture.md").read_text("utf-8")
    _, _, changes = page.partition("## Where a change goes")
    named = set(re.findall(r"`((?:[a-z_]+/)*[a-z_]+(?:\.py|/))`", changes)) - {
        "adapters/",
        "inventory.py",
    }

    places = (PACKAGE, PACKAGE.parent)
    assert [n for n in sorted(named) if not any((place / n).exists() for place in places)] == []


def test_the_face_of_an_adapter_is_thin() -> None:
    for package in adapter_packages():
        assert len(Path(package.__file__ or "").read_text("utf-8").splitlines()) <= 200
