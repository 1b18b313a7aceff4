"""One reading of a store's denials, by which tokens are judged; immutable."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from .denials import Denial


class Deniable(Protocol):
    """What a denial may name of a token, None where it has none; a ``Principal`` is one."""

    @property
    def token_id(self) -> str | None:
        """The claim ``jti``."""
        ...

    @property
    def subject(self) -> str | None:
        """Who the token is about."""
        ...

    @property
    def client_id(self) -> str | None:
        """Who sends it."""
        ...

    @property
    def key_id(self) -> str | None:
        """The ``kid`` of the key that has signed it."""
        ...

    @property
    def issuer(self) -> str | None:
        """The claim ``iss``."""
        ...


class DenyList:
    """Finds the denial of a token by what it names, however long the list is."""

    def __init__(self, denials: Iterable[Denial] = ()) -> None:
        found: dict[str, dict[str, list[Denial]]] = {}
        self._size = 0
        for each in denials:
            kind, value, _ = each.name
            found.setdefault(kind, {}).setdefault(value, []).append(each)
            self._size += 1
        self._by_kind = found

    def __len__(self) -> int:
        return self._size

    def find(
        self,
        token: Deniable,
        issued_at: Callable[[], float | None],
        now: float,
        signed_key_id: Callable[[], str | None] = lambda: None,
    ) -> Denial | None:
        """Return a denial of a token that is in force; None where there is none.

        ``issued_at`` tells the token's ``iat`` in seconds since 1970, None where it has none; it is
        asked only where that matters. So is ``signed_key_id``, the ``kid`` that the token itself
        names: it counts where its key has none, such as that of a PEM or a certificate.
        """
        for kind, by_value in self._by_kind.items():
            value: str | None = getattr(token, kind)
            if value is None and kind == "key_id":
                value = signed_key_id()
            for denial in by_value.get(value, ()) if value is not None else ():
                if denial.issuer is not None and denial.issuer != token.issuer:
                    continue
                if denial.is_in_force(now) and _is_old_enough(denial, issued_at):
                    return denial
        return None


def _is_old_enough(denial: Denial, issued_at: Callable[[], float | None]) -> bool:
    if denial.issued_before is None:
        return True
    issued = issued_at()
    return issued is None or issued < denial.issued_before
