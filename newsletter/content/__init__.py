"""What the mails say: templates become skeletons once per variant, and people's own values fill them as bytes.

skeleton = content.compile("invitation", facts, facets, envelope=envelope)
message = skeleton.fill({"address": "zoe@example.org", "first_name": "Zoë", "token": "…", …})
"""

from newsletter.content.compiler import Variants, compile  # noqa: A004 # read as content.compile
from newsletter.content.errors import ContentError
from newsletter.content.facts import Facets, Facts
from newsletter.content.headers import Envelope
from newsletter.content.skeleton import Skeleton

__all__ = ["ContentError", "Envelope", "Facets", "Facts", "Skeleton", "Variants", "compile"]
