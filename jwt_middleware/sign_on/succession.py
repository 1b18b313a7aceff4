"""What counts of a changed file in which something is wrong: all but what is wrong.

Whoever takes a partner out, or switches it off, must not wait until another partner's entry is
mended. So an entry that is wrong, or that cannot be told from another one, is as it was before;
where it is new, or its keys cannot be opened, it is refused alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..errors import ConfigurationError
from ..trust import Trust
from .integration_tables import Entries
from .integrations import Integration, clashes


class Succession:
    """The integrations that take the place of others.

    Attributes:
        integrations: those that count from now on.
        trusts: what verifies those that are switched on; that of an unchanged one goes on.
        faults: what is wrong with the keys of those that were to count.

    """

    def __init__(
        self,
        entries: Entries,
        before: Sequence[Integration],
        trusts: Mapping[str, Trust],
        trust_of: Callable[[Integration], Trust],
    ) -> None:
        self._before = {each.id: each for each in before}
        self._old_trusts = trusts
        self._trust_of = trust_of
        self._made: dict[str, Trust] = {}
        self.trusts: dict[str, Trust] = {}
        self.faults: list[str] = []
        wanted: dict[str, Integration | None] = {each.id: each for each in entries.integrations}
        for name, is_on in entries.faulty.items():
            wanted[name] = self._as_before(name, is_on=is_on)
        while not self._settled(wanted):
            pass
        self.integrations = tuple(each for each in wanted.values() if each is not None)
        for made in self._made.values():
            if made not in self.trusts.values():
                made.keys.close()

    def _settled(self, wanted: dict[str, Integration | None]) -> bool:
        """Put aside what cannot count; return whether nothing had to be."""
        found = [each for each in wanted.values() if each is not None]
        clashing = {each.id: each for members, _ in clashes(found) for each in members}
        # Those of before do not clash with each other, so this comes to an end.
        changed = [each for each in clashing.values() if not self._is_as_before(each)]
        for each in changed:
            wanted[each.id] = self._as_before(each.id, is_on=each.enabled)
        if changed:
            return False
        self.trusts = {}
        failed = False
        for each in found:
            if not each.enabled:
                continue
            try:
                self.trusts[each.id] = self._trust(each)
            except ConfigurationError as error:
                self.faults.append(f"integrations.{each.id}: {error}")
                off = replace(each, enabled=False)
                wanted[each.id] = self._as_before(each.id, is_on=True) or off
                failed = True
        return not failed

    def _trust(self, each: Integration) -> Trust:
        if each == self._before.get(each.id) and each.id in self._old_trusts:
            return self._old_trusts[each.id]
        if each.id not in self._made:
            self._made[each.id] = self._trust_of(each)
        return self._made[each.id]

    def _as_before(self, name: str, *, is_on: bool) -> Integration | None:
        previous = self._before.get(name)
        return previous if previous is None or is_on else replace(previous, enabled=False)

    def _is_as_before(self, each: Integration) -> bool:
        previous = self._before.get(each.id)
        return previous is not None and replace(previous, enabled=each.enabled) == each
