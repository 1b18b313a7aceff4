"""The directive that prints the commands from their argument parsers."""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterator
from typing import Any

from docutils import nodes

from jwt_middleware.tools.cli import command
from jwt_middleware.tools.cli.shared import STATUSES

from .printing import Reference, code, paragraph, table

_WIDTH = 88


class Commands(Reference):
    """Every command: its usage and options; and what an exit status means."""

    def run(self) -> list[nodes.Node]:
        """Print a section for each command, and one for the exit statuses."""
        made = list(map(self._command, _commands(command.command_parser())))
        statuses = self.section("exit-statuses", "Exit statuses")
        told = re.findall(r"^ *(\d)  (.*)$", STATUSES, re.MULTILINE)
        statuses += table(["status", "meaning"], [list(row) for row in told], [15, 85])
        return [*made, statuses]

    def _command(self, parser: argparse.ArgumentParser) -> nodes.section:
        anchor = "command-" + "-".join(parser.prog.split()[1:])
        section = self.section(anchor, f"``{parser.prog}``")
        section += paragraph(_prose(parser.description or ""))
        section += code(_usage(parser))
        examples, _, _ = (parser.epilog or "").removeprefix("examples:\n").partition("\n\n")
        section += code(inspect.cleandoc(examples))
        rows = [[_written(each), _help(parser, each)] for each in parser._actions]
        section += table(["argument", "meaning"], rows, [35, 65])
        return section


def _commands(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    """Yield every command and sub-command that runs something."""
    groups: list[Any] = [
        each for each in parser._actions if isinstance(each, argparse._SubParsersAction)
    ]
    for group in groups:
        for each in group.choices.values():
            yield from _commands(each)
    if not groups:
        yield parser


def _formatter(parser: argparse.ArgumentParser) -> argparse.HelpFormatter:
    return argparse.HelpFormatter(parser.prog, width=_WIDTH)


def _usage(parser: argparse.ArgumentParser) -> str:
    formatter = _formatter(parser)
    formatter.add_usage(parser.usage, parser._actions, parser._mutually_exclusive_groups, prefix="")
    return formatter.format_help().strip()


def _written(action: argparse.Action) -> str:
    value = _formatter_of_value(action)
    if not action.option_strings:
        return f"``{value}``"
    return ", ".join(f"``{f'{each} {value}'.strip()}``" for each in action.option_strings)


def _formatter_of_value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if isinstance(action.metavar, str):
        return action.metavar
    if action.choices is not None:
        return "{" + ",".join(map(str, action.choices)) + "}"
    return action.dest.upper() if action.option_strings else action.dest


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    return _prose(_formatter(parser)._expand_help(action)) if action.help else ""


def _prose(text: str) -> str:
    """Return a text of the command line, with its options as literals."""
    return _OPTION.sub(r"``\g<0>``", " ".join(text.split()))


_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
