"""The directive that documents public names by autodoc, each on exactly one page.

``{public-names} jwt_middleware`` documents all names of the module's ``__all__``; with names as its
content, these alone. A build warns where a name of a module that it documents stands nowhere.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable
from importlib import import_module
from typing import Any

from docutils import nodes
from docutils.parsers.rst import Parser
from docutils.utils import new_document
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.pycode import ModuleAnalyzer
from sphinx.util import logging
from sphinx.util.docutils import SphinxDirective

logger = logging.getLogger(__name__)

FACES = (
    "jwt_middleware",
    "jwt_middleware.gateways",
    "jwt_middleware.revocation",
    "jwt_middleware.sign_on",
    "jwt_middleware.testing",
    "jwt_middleware_starlette",
    "jwt_middleware_starlette.fastapi",
    "jwt_middleware_starlette.sign_on",
    "jwt_middleware_flask",
    "jwt_middleware_flask.sign_on",
    "jwt_middleware_django",
    "jwt_middleware_django.auth",
    "jwt_middleware_django.caller",
    "jwt_middleware_django.rest_framework",
    "jwt_middleware_django.sign_on",
    "jwt_middleware_mcp",
    "jwt_middleware_mcp.fastmcp",
)
"""The modules whose ``__all__`` is public."""


class PublicNames(SphinxDirective):
    """Documents the public names of a module."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Document them as autodoc does."""
        [module] = self.arguments
        listed = import_module(module).__all__
        names = " ".join(self.content).split() or sorted(listed)
        for name in names:
            if name not in listed:
                raise self.error(f"{module}: {name} is not in its __all__")
        documented(self.env).setdefault(self.env.docname, []).extend(
            f"{module}.{name}" for name in names
        )
        return self._parsed("\n\n".join(map(_directive, [module] * len(names), names)))

    def _parsed(self, text: str) -> list[nodes.Node]:
        """Return the nodes of reStructuredText, also where the page is Markdown."""
        document = new_document(self.env.docname, self.state.document.settings)
        document.reporter = self.state.document.reporter
        Parser().parse(text, document)
        return document.children


def _directive(module: str, name: str) -> str:
    thing = getattr(import_module(module), name)
    if isinstance(thing, type):
        kind, below = _of_class(thing)
    elif inspect.isroutine(thing):
        kind, below = "autofunction", []
    else:
        kind, below = "py:data", ["", *_comment_on(name, thing)]
    return "\n".join([f".. {kind}:: {module}.{name}", *(f"   {line}" for line in below)])


def _comment_on(name: str, thing: Any) -> list[str]:
    """Return the text below a constant, from the module that makes it."""
    for module in [each for each in sys.modules if each.startswith("jwt_middleware")]:
        if vars(sys.modules[module]).get(name) is thing:
            found = ModuleAnalyzer.for_module(module).find_attr_docs().get(("", name))
            if found:
                return list(found)
    return []


def _of_class(thing: type) -> tuple[str, list[str]]:
    fields = getattr(thing, "_fields", ())
    options = [":members:", ":show-inheritance:"]
    if fields:  # autodoc would call each the alias of a number
        options.append(f":exclude-members: {', '.join(fields)}")
    return ("autoexception" if issubclass(thing, Exception) else "autoclass"), options


def documented(env: BuildEnvironment) -> dict[str, list[str]]:
    """Return the public names that each page documents."""
    if not hasattr(env, "reference_names"):
        env.reference_names = {}  # type: ignore[attr-defined]
    names: dict[str, list[str]] = env.reference_names  # type: ignore[attr-defined]
    return names


def _forget(_: Sphinx, env: BuildEnvironment, docname: str) -> None:
    documented(env).pop(docname, None)


def _merge(
    _: Sphinx, env: BuildEnvironment, docnames: Iterable[str], other: BuildEnvironment
) -> None:
    theirs = documented(other)
    documented(env).update({name: theirs[name] for name in docnames if name in theirs})


def _check(_: Sphinx, env: BuildEnvironment) -> None:
    found = {name for names in documented(env).values() for name in names}
    if not found:
        return
    root = import_module(FACES[0])
    for module in FACES:
        face = import_module(module)
        for name in face.__all__:
            is_the_roots = module != FACES[0] and getattr(root, name, None) is getattr(face, name)
            if f"{module}.{name}" not in found and not is_the_roots:
                logger.warning("public name %s.%s stands on no page", module, name)


def _napoleon(_: Sphinx, config: Any) -> None:
    # As fields of the class: autodoc lists the attributes themselves.
    config.napoleon_use_ivar = True


def _set_up_django() -> None:
    """Let Django's modules be imported: they read settings."""
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(
            INSTALLED_APPS=[
                "django.contrib.auth",
                "django.contrib.contenttypes",
                "jwt_middleware_django",
                "jwt_middleware_django.sign_on",
            ],
            SECRET_KEY="of a build alone",  # noqa: S106 - it signs nothing
        )
        django.setup()


def setup(app: Sphinx) -> None:
    """Add the directive, and what it needs."""
    _set_up_django()
    for (
        module
    ) in FACES:  # before autodoc looks at any: what it imports later cannot all be imported
        import_module(module)
    app.setup_extension("sphinx.ext.autodoc")
    app.setup_extension("sphinx.ext.napoleon")
    app.add_directive("public-names", PublicNames)
    app.connect("config-inited", _napoleon)
    app.connect("env-purge-doc", _forget)
    app.connect("env-merge-info", _merge)
    app.connect("env-check-consistency", _check)
