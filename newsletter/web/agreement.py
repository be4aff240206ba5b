"""What visitors agree to when they join: staff's own text where the settings have one, else ours, in their language."""

from newsletter.catalogues import N_, Voice
from newsletter.settings import Joining

TEXT = N_("Yes, write to me about this series of events. I can change what I get, or leave, by a link in every mail.")


def text(joining: Joining, voice: Voice) -> str:
    """The text to show, and to keep as evidence. Staff's own in the visitor's language goes before the one for all."""
    own = getattr(joining.consent_texts, voice.language) or joining.consent_text
    return own or voice.gettext(TEXT)
