"""The claims that BYU's WSO2 gateway adds, by UCSD's page "Accessing Authentication Details"."""

from __future__ import annotations

from .views import Text
from .wso2 import WSO2

BYU_DIALECT = "http://byu.edu/claims/"


def _byu(name: str, doc: str) -> Text:
    # BYU's gateway writes a single space where a person or an entity has no such value.
    return Text(BYU_DIALECT + name, absent_mark=" ", doc=doc)


_POSITION = "Where the surname stands in the whole name."
_PREFERRED = "Preferred first name."


class BYU(WSO2):
    """What BYU adds about the resource owner and about the client's owner.

    The resource owner's claims are there for grants with a user. The client's come from the
    subscriber or from a linked BYU entity, as ``client_claim_source`` says. A single space means
    that there is no such value.
    """

    resource_owner_person_id = _byu("resourceowner_person_id", "Person id.")
    resource_owner_byu_id = _byu("resourceowner_byu_id", "BYU id.")
    resource_owner_net_id = _byu("resourceowner_net_id", "Net id.")
    resource_owner_surname = _byu("resourceowner_surname", "Surname.")
    resource_owner_surname_position = _byu("resourceowner_surname_position", _POSITION)
    resource_owner_rest_of_name = _byu("resourceowner_rest_of_name", "First and middle names.")
    resource_owner_preferred_first_name = _byu("resourceowner_preferred_first_name", _PREFERRED)
    resource_owner_sort_name = _byu("resourceowner_sort_name", "The whole name, for sorting.")
    resource_owner_suffix = _byu("resourceowner_suffix", "Jr, Sr and so on.")
    resource_owner_prefix = _byu("resourceowner_prefix", "Dr, Mr and so on.")
    client_subscriber_net_id = _byu(
        "client_subscriber_net_id", "Net id of who subscribed to the API."
    )
    client_claim_source = _byu(
        "client_claim_source",
        "CLIENT_ID where an entity is linked to the client, else CLIENT_SUBSCRIBER.",
    )
    client_person_id = _byu("client_person_id", "Person id.")
    client_byu_id = _byu("client_byu_id", "BYU id.")
    client_net_id = _byu("client_net_id", "Net id; an entity may have none.")
    client_surname = _byu("client_surname", "Surname, or the name of an entity.")
    client_surname_position = _byu("client_surname_position", _POSITION)
    client_rest_of_name = _byu("client_rest_of_name", "First and middle names.")
    client_preferred_first_name = _byu("client_preferred_first_name", _PREFERRED)
    client_sort_name = _byu("client_sort_name", "The whole name, for sorting.")
    client_name_suffix = _byu("client_name_suffix", "Jr, Sr and so on.")
    client_name_prefix = _byu("client_name_prefix", "Dr, Mr and so on.")
