"""What a predicate decided, and why: for the operator, never for the caller."""

from __future__ import annotations

from typing import NamedTuple


class Decision(NamedTuple):
    """The outcome of one predicate on one principal.

    ``leaf`` is the condition that decided, as it was written; ``needed`` and ``held`` are its two
    sides. What was held is a claim's content: it belongs on an audit event, and in no log line or
    answer.
    """

    allowed: bool
    code: str = "allowed"
    leaf: str = ""
    needed: str = ""
    held: str = ""

    def explain(self) -> str:
        """One line: the deciding leaf, what was needed and what was held."""
        if self.allowed:
            return f"allowed by {self.leaf}" if self.leaf else "allowed"
        # Most conditions say by themselves what they need.
        needs = "" if self.leaf.endswith(self.needed) else f" needs {self.needed}"
        return f"{self.code}: {self.leaf}{needs}; the token holds {self.held}"

    def __repr__(self) -> str:
        return f"Decision(allowed={self.allowed!r}, code={self.code!r}, leaf={self.leaf!r})"
