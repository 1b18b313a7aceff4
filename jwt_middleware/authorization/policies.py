"""Named policies: one name on a route, and for each client the meaning that its entry gives it."""

from __future__ import annotations

from typing import Any

from .clients import NamedPolicy
from .predicate import Predicate, Situation, Verdict


class Policy(Predicate):
    """What the registry says that this name means for the token's client.

    Unknown, and so denied, where the client's entry does not have the policy.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        if not isinstance(name, str) or not name:
            raise TypeError(f"policy() takes a name, not {name!r}")
        self.name = name

    def verdict(self, situation: Situation) -> Verdict:
        meaning = self._meaning(situation)
        if meaning is None:
            return None
        verdict = meaning.predicate.verdict(situation)
        lets_in = not situation.negated
        if meaning.enforce or situation.strict or verdict is lets_in:
            return verdict
        situation.shadowed = True  # shadow mode: it lets in, under ``~`` too
        return lets_in

    def deciding(self, situation: Situation) -> Predicate:
        meaning = self._meaning(situation)
        if meaning is None:
            return self
        return _Through(self, meaning.predicate.deciding(situation))

    def sides(self, situation: Situation) -> tuple[str, str]:
        principal = situation.principal
        client = None if principal is None else principal.client_id
        return f"the policy {self.name}", f"client {client}, whose entry does not have it"

    def key(self) -> tuple[Any, ...]:
        return (self.name,)

    def _meaning(self, situation: Situation) -> NamedPolicy | None:
        principal = situation.principal
        return None if principal is None else principal.policies.get(self.name)

    def __repr__(self) -> str:
        return f"policy({self.name!r})"


class _Through(Predicate):
    """The condition inside a policy that decided, told with the policy's name."""

    __slots__ = ("leaf", "policy")

    def __init__(self, policy: Policy, leaf: Predicate) -> None:
        self.policy = policy
        self.leaf = leaf

    def verdict(self, situation: Situation) -> Verdict:
        return self.leaf.verdict(situation)

    def sides(self, situation: Situation) -> tuple[str, str]:
        return self.leaf.sides(situation)

    def key(self) -> tuple[Any, ...]:
        return self.policy, self.leaf

    def __repr__(self) -> str:
        return f"{self.policy!r}: {self.leaf!r}"


def policy(name: str) -> Predicate:
    """The named policy of the registry holds, as the token's client has it."""
    return Policy(name)
