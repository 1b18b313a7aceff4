"""Who calls, and which claims say so."""

from .claim_names import ABSENT as ABSENT
from .claim_names import PERSON as PERSON
from .claim_names import SERVICE as SERVICE
from .claim_names import ClaimName as ClaimName
from .claim_names import ClaimNames as ClaimNames
from .claim_names import ListClaim as ListClaim
from .claim_names import Mark as Mark
from .claim_names import claim_at as claim_at
from .claim_names import is_list_of_text as is_list_of_text
from .claim_names import listed as listed
from .claim_names import listed_at as listed_at
from .claim_names import path_of as path_of
from .claim_names import text_at as text_at
from .claim_names import written as written
from .principal import NO_NAMES as NO_NAMES
from .principal import PRINCIPAL_KEY as PRINCIPAL_KEY
from .principal import Grants as Grants
from .principal import Principal as Principal
from .principal import Vocabulary as Vocabulary
from .principal import acting_caller as acting_caller
from .read_only import ReadOnlyDict as ReadOnlyDict
from .read_only import frozen as frozen
from .read_only import thawed as thawed
