"""The reference of the documentation: printed from the code, each thing once and with an anchor."""

from __future__ import annotations

import ast
import html
import inspect
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import jwt_middleware
from jwt_middleware import errors, events, gateways, revocation, sign_on, testing
from jwt_middleware.gateways import PRESETS
from jwt_middleware.middleware.settings import Options
from jwt_middleware.options.catalogue import OPTIONS
from jwt_middleware.tools.cli import main
from jwt_middleware.tools.schemas import schema_of

ROOT = Path(__file__).parents[2]
ADAPTERS = ROOT / "adapters"
CONF = f"""
import sys
sys.path[:0] = [{str(ROOT / "docs/extensions")!r}, {str(ADAPTERS)!r}]
project = "reference"
extensions = ["myst_parser", "reference"]
html_theme = "furo"
"""
NO_DRAWINGS = """
import pathlib, sys
sys.stdin.read()
[out] = [each[2:] for each in sys.argv if each.startswith("-o")]
pathlib.Path(out).write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
"""
"""Stands for Graphviz, which is no Python: the texts are the matter here."""


def faces() -> dict[str, list[str]]:
    """The public names: of the core, its parts, and every module of an adapter with an ``__all__``.

    A name of a part that is the core's own is the core's.
    """
    core = {name: getattr(jwt_middleware, name) for name in jwt_middleware.__all__}
    found = {"jwt_middleware": list(core)}
    for part in (gateways, revocation, sign_on, testing):
        own = [name for name in part.__all__ if core.get(name) is not getattr(part, name)]
        found[part.__name__] = own
    for path in sorted(ADAPTERS.rglob("*.py")):
        # Read, not imported: some need Django's settings.
        listed = re.search(r"^__all__ = (\[.*?\])$", path.read_text("utf-8"), re.M | re.S)
        if listed is not None:
            parts = path.relative_to(ADAPTERS).with_suffix("").parts
            module = ".".join(parts).removesuffix(".__init__")
            found[module] = ast.literal_eval(listed[1])
    return found


def built(folder: Path, **pages: str) -> tuple[int, str]:
    """Build a site with warnings as errors; return its exit status and what it says of faults."""
    (folder / "conf.py").write_text(CONF)
    names = "\n".join(name for name in pages if name != "index")
    index = f"# Index\n\n```{{toctree}}\n{names}\n```\n\n"
    for name, text in {**pages, "index": index + pages.get("index", "")}.items():
        (folder / f"{name}.md").write_text(text)
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(folder), "out"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The pages of the documentation, built with warnings as errors."""
    folder = tmp_path_factory.mktemp("site")
    dot = folder / "dot"
    dot.write_text(f"#!{sys.executable}\n{NO_DRAWINGS}")
    dot.chmod(0o700)
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q"]
    command += ["-D", f"graphviz_dot={dot}", str(ROOT / "docs"), str(folder / "out")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    out = folder / "out"
    return {str(each.relative_to(out)): each.read_text("utf-8") for each in out.rglob("*.html")}


@pytest.fixture(scope="module")
def anchors(site: dict[str, str]) -> Counter[str]:
    return Counter(each for text in site.values() for each in re.findall(r' id="([^"]+)"', text))


def kinds(module: Any, base: type = object) -> dict[str, Any]:
    classes = {name: each for name, each in vars(module).items() if isinstance(each, type)}
    return {name: each for name, each in classes.items() if issubclass(each, base)}


def text_of(markup: str) -> str:
    """What a reader sees, with straight quotation marks."""
    shown = html.unescape(re.sub(r"<[^>]+>", "", markup)).translate(STRAIGHT)
    return " ".join(shown.split())


STRAIGHT = str.maketrans("\u2018\u2019\u201c\u201d", "''\"\"")


def entry(site: dict[str, str], anchor: str) -> str:
    """The texts of an entry of a list, from its anchor on."""
    everything = "".join(site.values())
    [found] = re.findall(rf'<dt id="{anchor}">.*?</dd>', everything, re.DOTALL)
    return text_of(found.replace("</dt>", " "))


def section(site: dict[str, str], anchor: str) -> str:
    """The texts of a section, up to the next one."""
    _, _, rest = "".join(site.values()).partition(f'<section id="{anchor}"')
    return text_of(rest.partition("<section ")[0])


def commands(capsys: pytest.CaptureFixture[str]) -> list[str]:
    with pytest.raises(SystemExit):
        main(["--help"])
    return re.findall(r"^    (\w+) ", capsys.readouterr().out, re.MULTILINE)


def test_every_option_code_event_and_command_has_one_anchor(
    anchors: Counter[str], capsys: pytest.CaptureFixture[str]
) -> None:
    refusals = kinds(errors, errors.RequestError).values()
    codes = {each.code for each in refusals if "code" in vars(each)}
    told = {name for name, each in kinds(events).items() if hasattr(each, "line")}
    named = commands(capsys)
    assert {"check", "schema", "inspect"} < set(named)
    wanted = [
        *(f"option-{name}" for name in Options.__annotations__),
        *(f"error-{code}" for code in {*codes, "configuration_error"}),
        *(f"event-{name}" for name in told),
        *(f"command-{name}" for name in named),
        *(f"gateway-{name}" for name in PRESETS),
        *(f"claims-{name}" for name in PRESETS),
        "exit-statuses",
    ]

    assert len(wanted) > 120
    assert {name: anchors[name] for name in wanted if anchors[name] != 1} == {}


def test_every_public_name_has_one_anchor(anchors: Counter[str]) -> None:
    names = [f"{face}.{name}" for face, listed in faces().items() for name in listed]

    assert len(names) > 100
    assert {name: anchors[name] for name in names if anchors[name] != 1} == {}


@pytest.mark.parametrize("file", ["clients", "integrations", "accounts", "options"])
def test_every_key_of_a_file_has_one_anchor(file: str, anchors: Counter[str]) -> None:
    schema = schema_of(file)
    wanted = [f"schema-{file}-{key}" for key in schema["properties"]] + [
        f"schema-{file}-{name}-{key}"
        for name, shape in schema["$defs"].items()
        for key in shape.get("properties", ())
    ]

    assert {name: anchors[name] for name in wanted if anchors[name] != 1} == {}


def test_an_option_says_where_it_may_be_given_and_whether_it_weakens(site: dict[str, str]) -> None:
    assert entry(site, "option-leeway").endswith(
        "float, by default 30; in code, TOML, JWT_MIDDLEWARE_LEEWAY."
    )
    for name, option in OPTIONS.items():
        text = entry(site, f"option-{name}")
        assert ("JWT_MIDDLEWARE_" in text) == (option.from_text is not None)
        assert ("TOML" in text.rpartition("code")[2]) == (option.shape is not None)
    for name in ("exempt", "optional", "vary", "minimum_rsa_bits", "allow_wso2_default_keys"):
        assert "It weakens the check." in entry(site, f"option-{name}")


def test_a_code_has_its_status_when_and_the_way_out(site: dict[str, str]) -> None:
    text = entry(site, "error-unknown_key")

    assert text.startswith("unknown_key 401, UnknownKey: No configured key is the one that the")
    assert "jwt-assertion keys" in text
    for kind in kinds(errors, errors.RequestError).values():
        if "code" in vars(kind):
            way_out = inspect.getdoc(kind).partition("Way out: ")[2].replace("``", "").split()
            assert len(way_out) > 4, kind
            assert entry(site, f"error-{kind.code}").endswith(" ".join(way_out))
    assert entry(site, "error-configuration_error").startswith("configuration_error 503, ")


def test_an_event_has_its_level_its_sentence_and_its_fields(site: dict[str, str]) -> None:
    assert "ERROR {source}: no key serves any more" in section(site, "event-KeysGone")
    decided = section(site, "event-Decided")
    for level in ("DEBUG allowed", "WARNING refused code={code}", "WARNING would refuse"):
        assert level in decided
    assert "guarded bool | None a guard of the route was asked" in decided
    assert "source str reason str" in section(site, "event-ClientsKept")


def test_a_command_has_its_usage_and_options(site: dict[str, str]) -> None:
    text = section(site, "command-inspect")

    assert "jwt-assertion inspect [-h] [--json]" in text
    assert "--request 'GET /reports' with --app" in text
    assert OPTIONS["api"].about in text
    assert "jwt-assertion inspect --keys" in text
    assert "2 a mistake in the command or in the configuration" in section(site, "exit-statuses")


def test_a_gateway_says_what_must_be_set_and_which_claims_it_reads(site: dict[str, str]) -> None:
    for name, gateway in PRESETS.items():
        text = section(site, f"gateway-{name}")
        assert all(header in text for header in gateway.headers)
        for option, where in gateway.needs.items():
            assert f"{option} {where[:30]}" in text
    assert "roles http://wso2.org/claims/role" in section(site, "claims-wso2")
    assert "email email" in section(site, "view-CloudflareAccess")


def test_a_public_name_that_stands_nowhere_fails_the_build(tmp_path: Path) -> None:
    status, said = built(
        tmp_path, index="```{public-names} jwt_middleware_django.auth\nPrincipalBackend\n```\n"
    )

    assert status != 0
    assert "public name jwt_middleware_django.auth.UserMiddleware stands on no page" in said
    assert "auth.PrincipalBackend stands on no page" not in said


def test_a_name_that_is_not_public_fails_the_build(tmp_path: Path) -> None:
    status, said = built(tmp_path, index="```{public-names} jwt_middleware\nSettings\n```\n")

    assert status != 0
    assert "Settings is not in its __all__" in said
