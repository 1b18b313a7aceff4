"""The claims that gateways send, under typed names: WSO2, and UCSD's and BYU's additions.

``principal.view(UCSD).user_id`` reads one; ``UCSD.user_id == path_param("id")`` compares one. A
view shows the claims that are there, and an absent one is ``None``. ``usertype`` gates nothing: a
real UCSD token says ``APPLICATION`` and carries a user all the same.

Sources: WSO2's claim dialect (wso2/carbon-apimgt, ``AbstractJWTGenerator``); UCSD's page "Accessing
Authentication Details Via JWT", which also describes BYU's claims.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar, overload

from ..authorization.request import RequestView
from ..authorization.terms import ABSENT, Term
from ..errors import InvalidClaim
from ..principal import Principal, listed

T = TypeVar("T")

WSO2_DIALECT = "http://wso2.org/claims/"
BYU_DIALECT = "http://byu.edu/claims/"


class _Field(Generic[T]):
    """One claim of a vocabulary: a value on a view, a term on the class.

    ``names``: every spelling in use. ``absent_mark``: a text that this claim's sender writes where
    it has no value; it means so for this claim only.
    """

    def __init__(self, *names: str, absent_mark: str | None = None) -> None:
        self.names = names
        self.absent_mark = absent_mark
        self._written = names[0]

    def __set_name__(self, owner: type, name: str) -> None:
        self._written = f"{owner.__name__}.{name}"

    @overload
    def __get__(self, view: None, owner: type) -> Term: ...
    @overload
    def __get__(self, view: object, owner: type) -> T | None: ...
    def __get__(self, view: Any, owner: type) -> Term | T | None:
        if view is None:
            return Term(self._written, self._operand, origin=(type(self), *self._meaning()))
        return self.read(view.claims)

    def _meaning(self) -> tuple[str | None, ...]:
        return *self.names, self.absent_mark

    def read(self, claims: Mapping[str, Any]) -> T | None:
        """Return the claim's value, or None where it is absent.

        Raises:
            InvalidClaim: it has another type, or two of its spellings disagree.

        """
        found = [claims[name] for name in self.names if name in claims]
        if not found:
            return None
        if any(value != found[0] for value in found):
            raise InvalidClaim(self.names[0], "conflict")
        if self.absent_mark is not None and found[0] == self.absent_mark:
            return None
        return self.convert(found[0])

    def convert(self, value: Any) -> T:
        """Return a claim's value in the field's type."""
        raise NotImplementedError

    def _operand(self, principal: Principal, _: RequestView | None) -> Any:
        value = self.read(principal.claims)
        return ABSENT if value is None else value


class Text(_Field[str]):
    """A claim that is one text. Numbers are read as text: WSO2 versions send ids as either."""

    def convert(self, value: Any) -> str:
        """Return the text."""
        if type(value) is str:
            return value
        if type(value) is int:
            return str(value)
        raise InvalidClaim(self.names[0], "type")


class Texts(_Field[tuple[str, ...]]):
    """A claim of several texts: a JSON array, or one text joined by commas (WSO2 1.x)."""

    def convert(self, value: Any) -> tuple[str, ...]:
        """Return the texts."""
        return listed(value, ",", self.names[0])


class Object(_Field[Mapping[str, Any]]):
    """A claim that is a JSON object, read-only."""

    def convert(self, value: Any) -> Mapping[str, Any]:
        """Return the object."""
        if isinstance(value, Mapping):
            return value
        raise InvalidClaim(self.names[0], "type")


def _wso2(name: str, *spellings: str) -> Text:
    return Text(*(WSO2_DIALECT + each for each in (name, *spellings)))


def _wso2_list(name: str) -> Texts:
    return Texts(WSO2_DIALECT + name)


def _ucsd(name: str) -> Text:
    # UCSD: "If a given value was not provided by the SSO server, it will be '-'".
    return Text(WSO2_DIALECT + name, absent_mark="-")


def _byu(name: str) -> Text:
    # BYU's gateway writes a single space where a person or an entity has no such value.
    return Text(BYU_DIALECT + name, absent_mark=" ")


class WSO2:
    """What WSO2 API Manager says about a call (dialect ``http://wso2.org/claims/``)."""

    def __init__(self, claims: Mapping[str, Any]) -> None:
        self.claims = claims

    subscriber = _wso2("subscriber")
    """The user who registered the application: its owner, not the end user."""
    application_id = _wso2("applicationid")
    """The registered application's id."""
    application_uuid = _wso2("applicationUUId")
    """The registered application's UUID (since 2018)."""
    application_name = _wso2("applicationname")
    """The name of the application that makes the call."""
    application_tier = _wso2("applicationtier")
    """The throttling tier of the application."""
    application_attributes = Object(WSO2_DIALECT + "applicationAttributes")
    """Attributes that the application's owner has set."""
    api_context = _wso2("apicontext")
    """The context of the API that was invoked, unique in the gateway, such as ``/echo/1.0.0``."""
    api_name = _wso2("apiname")
    """The name of the API (3.2 and later)."""
    api_version = _wso2("version")
    """The version of the API."""
    tier = _wso2("tier")
    """The throttling tier of the subscription."""
    key_type = _wso2("keytype")
    """``PRODUCTION`` or ``SANDBOX``. Both are signed by the same key."""
    user_type = _wso2("usertype")
    """``APPLICATION`` or ``APPLICATION_USER``, in any case; do not identify users by it."""
    end_user = _wso2("enduser")
    """The API Manager's user, ``user@carbon.super``; it has no meaning outside of it."""
    end_user_tenant_id = _wso2("enduserTenantId", "enduserTennantId")
    """The user's tenant; UCSD's and BYU's documents spell the claim with two n."""
    roles = _wso2_list("role")
    """The user's roles in the API Manager, no others."""
    client_id = Text("client_id", WSO2_DIALECT + "client_id")
    """The OAuth 2.0 client id of the call; BYU added the WSO2-named one."""
    organizations = Texts("organizations")
    """The organizations of the user (4.1 and later)."""


class UCSD(WSO2):
    """What UCSD's single sign-on adds; ``-`` means that it did not provide the value."""

    user_id = _ucsd("systemid")
    """Persistent, unique, never recycled: the user's primary id in your system."""
    ad_username = _ucsd("adusername")
    """Active Directory user name; not always there for an active account."""
    department_codes = Texts(WSO2_DIALECT + "departmentcodes", absent_mark="-")
    """Department codes in payroll."""
    employee_id = _ucsd("eid")
    """Employee id."""
    email = _ucsd("emailaddress")
    """The long form of the user's email address."""
    given_name = _ucsd("givenname")
    """First name."""
    last_name = _ucsd("lastname")
    """Last name."""
    network_user_id = _ucsd("networkuserid")
    """Kerberos or network user name (mail account)."""
    student_id = _ucsd("pid")
    """Student id (PID)."""
    racf_id = _ucsd("racfid")
    """Mainframe id (Business Systems account)."""
    ucpath_employee_id = _ucsd("ucpathemplid")
    """UCPath employee id."""


class BYU(WSO2):
    """What BYU adds about the resource owner and about the client's owner.

    The resource owner's claims are there for grants with a user. The client's come from the
    subscriber or from a linked BYU entity, as ``client_claim_source`` says. A single space means
    that there is no such value.
    """

    resource_owner_person_id = _byu("resourceowner_person_id")
    """The resource owner's person id."""
    resource_owner_byu_id = _byu("resourceowner_byu_id")
    """The resource owner's BYU id."""
    resource_owner_net_id = _byu("resourceowner_net_id")
    """The resource owner's net id."""
    resource_owner_surname = _byu("resourceowner_surname")
    """The resource owner's surname."""
    resource_owner_surname_position = _byu("resourceowner_surname_position")
    """Where the surname stands when it is joined with the rest of the name."""
    resource_owner_rest_of_name = _byu("resourceowner_rest_of_name")
    """Typically the first and middle names."""
    resource_owner_preferred_first_name = _byu("resourceowner_preferred_first_name")
    """The preferred first name."""
    resource_owner_sort_name = _byu("resourceowner_sort_name")
    """The full name, for sorting."""
    resource_owner_suffix = _byu("resourceowner_suffix")
    """Jr, Sr and so on."""
    resource_owner_prefix = _byu("resourceowner_prefix")
    """Dr, Mr and so on."""
    client_subscriber_net_id = _byu("client_subscriber_net_id")
    """The net id of the person that subscribed to the API."""
    client_claim_source = _byu("client_claim_source")
    """``CLIENT_SUBSCRIBER``: no entity is linked to the client; ``CLIENT_ID``: one is."""
    client_person_id = _byu("client_person_id")
    """The client owner's person id."""
    client_byu_id = _byu("client_byu_id")
    """The client owner's BYU id."""
    client_net_id = _byu("client_net_id")
    """The client owner's net id; an entity may have none."""
    client_surname = _byu("client_surname")
    """The client owner's surname."""
    client_surname_position = _byu("client_surname_position")
    """Where the surname stands when it is joined with the rest of the name."""
    client_rest_of_name = _byu("client_rest_of_name")
    """The rest of the client owner's name."""
    client_preferred_first_name = _byu("client_preferred_first_name")
    """The preferred first name of the client's owner."""
    client_sort_name = _byu("client_sort_name")
    """The client owner's full name, for sorting."""
    client_name_suffix = _byu("client_name_suffix")
    """The suffix of the client owner's name."""
    client_name_prefix = _byu("client_name_prefix")
    """The prefix of the client owner's name."""
