"""What visitors agree to when they join: staff's own text where the settings have one, else ours, in their language."""

from newsletter.catalogues import N_, Voice
from newsletter.setting_tables import Joining

TEXT = N_("Yes, write to me about this series of events. I can change what I get, or leave, by a link in every mail.")

_REMINDED = N_(
    "We send you a mail with a button to confirm, and remind you once. "
    "Until you press it, you get nothing else from us."
)
_ASKED_ONCE = N_("We send you a mail with a button to confirm. Until you press it, you get nothing else from us.")


def text(joining: Joining, voice: Voice) -> str:
    """The text to show, and to keep as evidence. Staff's own in the visitor's language goes before the one for all."""
    own = getattr(joining.consent_texts, voice.language) or joining.consent_text
    return own or voice.gettext(TEXT)


def then(joining: Joining, voice: Voice) -> str:
    """What comes of sending the form."""
    return voice.gettext(_REMINDED if joining.reminds else _ASKED_ONCE)
