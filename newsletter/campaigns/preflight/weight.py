"""How much a mail weighs: Gmail cuts HTML off, and phones on the train wait for the rest."""

from collections.abc import Iterator

from newsletter.campaigns.preflight.findings import Finding, Rule, error, warning
from newsletter.campaigns.preflight.mail import Mail
from newsletter.content.checking import CLIPPED_ABOVE

_NEARLY = 0.8
_HEAVY = 1_000_000


def check(mail: Mail) -> Iterator[Finding]:
    """The HTML after personalisation, and the whole message."""
    html, whole = len(mail.html.encode()), len(mail.raw)
    if html > CLIPPED_ABOVE:
        yield error(
            Rule.SIZE,
            f"the HTML has {html / 1000:.0f} KB; Gmail clips above {CLIPPED_ABOVE // 1000}, the way out included",
        )
    elif html > CLIPPED_ABOVE * _NEARLY:
        yield warning(Rule.SIZE, f"the HTML has {html / 1000:.0f} KB; Gmail clips above {CLIPPED_ABOVE // 1000}")
    if whole > _HEAVY:
        yield warning(
            Rule.SIZE,
            f"the whole mail has {whole / 1e6:.1f} MB; pictures that are hosted weigh nothing: images: hosted",
        )
