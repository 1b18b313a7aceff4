"""Who arrives with a sign-on token, and what the partner says of them: its claims, read whole.

Every fault is told at once, by the claim's path and never with its value. A claim that is absent
and one that is present and empty are two things here: absent leaves alone what the directory has,
present replaces all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from ..errors import InvalidClaims
from ..principal import frozen
from .addresses import normal_email
from .integrations import BY_EMAIL, Integration

MOST_ORDER_ID = 32
"""Characters of a credit's ``orderId``."""
MOST_GROUP_ID = 255
"""Characters of a group's id that is a text, so that every database can hold it."""
MOST_INTEGER = 2**63 - 1
"""An id beyond this fits no database's integer."""

GroupId = str | int


class Credit(NamedTuple):
    """One entry of the claim ``credits``; ``order_id`` is its ``orderId``."""

    order_id: str
    id: int


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A person whom a genuine token names. Deeply read-only; its repr shows no claim.

    Attributes:
        integration: the id of the integration whose token it is.
        email: in the one spelling of ``normal_email``.
        meta: data of the partner's; None: the token says nothing of it, so what there is stays.
        groups: ids of groups, each once; None: leave them alone; ``()``: remove all.
        credits: None: leave them alone; ``()``: remove all.
        onboard: whether a new user goes to the onboarding page.
        subject: the claim ``sub``, where there is one.
        token_id: the claim ``jti``, where there is one.
        by_email: whether the account is found by the address alone, as the integration's entry
            says, and not by integration and address.

    """

    integration: str
    email: str
    meta: Mapping[str, Any] | None = None
    groups: tuple[GroupId, ...] | None = None
    credits: tuple[Credit, ...] | None = None
    onboard: bool = False
    subject: str | None = None
    token_id: str | None = None
    by_email: bool = False

    @property
    def realm(self) -> str:
        """Whose users they are among: the integration's id, or empty where they are everybody's."""
        return "" if self.by_email else self.integration

    def __repr__(self) -> str:
        return f"<Profile by {self.integration}>"


def read_profile(integration: Integration, claims: Mapping[str, Any]) -> Profile:
    """Return what the verified claims of an integration's token say.

    Raises:
        InvalidClaims: with every fault.

    """
    reading = _Reading(claims)
    email = reading.email()
    found = Profile(
        integration=integration.id,
        email=email,
        meta=reading.meta(),
        groups=reading.groups(),
        credits=reading.credits(),
        onboard=reading.onboard(),
        subject=reading.name("sub"),
        token_id=reading.name("jti"),
        by_email=integration.accounts == BY_EMAIL,
    )
    if reading.faults:
        raise InvalidClaims(reading.faults)
    return found


class _Reading:
    """One reading of the claims; each method tells ``fault`` and returns what is usable."""

    def __init__(self, claims: Mapping[str, Any]) -> None:
        self._claims = claims
        self.faults: list[str] = []

    def fault(self, path: str, what: str) -> None:
        self.faults.append(f"{path}: {what}")

    def email(self) -> str:
        if "email" not in self._claims:
            self.fault("email", "missing")
            return ""
        value = self._claims["email"]
        if type(value) is not str:
            self.fault("email", "not a string")
            return ""
        found = normal_email(value)
        if found is None:
            self.fault("email", "not an email address")
        return found or ""

    def meta(self) -> Mapping[str, Any] | None:
        value = self._present("meta", dict, "an object")
        if value is None:
            return None
        if _holds_nul(value):
            self.fault("meta", "holds a NUL")
        found: Mapping[str, Any] = frozen(value)
        return found

    def groups(self) -> tuple[GroupId, ...] | None:
        found = self._list("groups", self._group)
        return None if found is None else tuple(dict.fromkeys(found))

    def credits(self) -> tuple[Credit, ...] | None:
        return self._list("credits", self._credit)

    def onboard(self) -> bool:
        return bool(self._present("onboard", bool, "a boolean"))

    def name(self, claim: str) -> str | None:
        value = self._present(claim, str, "a string")
        return None if value is None else str(value)

    def _present(self, claim: str, kind: type, called: str) -> Any:
        """Return a claim of the one type; None where it is absent. A null is not absent."""
        if claim not in self._claims:
            return None
        value = self._claims[claim]
        if type(value) is not kind:  # so that a boolean is no integer
            self.fault(claim, f"not {called}")
            return None
        return value

    def _list(self, claim: str, read: Callable[[str, Any], Any]) -> tuple[Any, ...] | None:
        entries = self._present(claim, list, "an array")
        if entries is None:
            return None
        return tuple(read(f"{claim}[{number}]", entry) for number, entry in enumerate(entries))

    def _group(self, path: str, value: Any) -> GroupId:
        if type(value) is int:
            return self._integer(path, value)
        if type(value) is not str:
            self.fault(path, "neither a string nor an integer")
            return ""
        if not value or len(value) > MOST_GROUP_ID or "\x00" in value:
            self.fault(path, f"not 1 to {MOST_GROUP_ID} characters without a NUL")
        return value

    def _credit(self, path: str, value: Any) -> Credit | None:
        if type(value) is not dict:
            self.fault(path, "not an object")
            return None
        order_id, number = value.get("orderId"), value.get("id")
        if "orderId" not in value:
            self.fault(f"{path}.orderId", "missing")
        elif type(order_id) is not str:
            self.fault(f"{path}.orderId", "not a string")
        elif len(order_id) > MOST_ORDER_ID:
            self.fault(f"{path}.orderId", f"longer than {MOST_ORDER_ID} characters")
        elif "\x00" in order_id:
            self.fault(f"{path}.orderId", "holds a NUL")
        if "id" not in value:
            self.fault(f"{path}.id", "missing")
        elif type(number) is not int:
            self.fault(f"{path}.id", "not an integer")
        else:
            self._integer(f"{path}.id", number)
        return Credit(str(order_id), number if type(number) is int else 0)

    def _integer(self, path: str, value: int) -> int:
        if not -MOST_INTEGER <= value <= MOST_INTEGER:
            self.fault(path, "an integer beyond 64 bits")
        return value


def _holds_nul(value: Any) -> bool:
    """Whether a NUL stands in any text of a JSON value: no text column of PostgreSQL takes it."""
    if type(value) is str:
        return "\x00" in value
    if type(value) is dict:
        return any(_holds_nul(name) or _holds_nul(item) for name, item in value.items())
    return type(value) is list and any(map(_holds_nul, value))
