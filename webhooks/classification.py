"""Why a mail was turned away, read from the enhanced status (RFC 3463) and the receiver's words together.

The words decide: more than half of all 5.x.x replies are about the sender or the moment, not about the person.
`hard` needs words, or a status, that say there is no such mailbox, and a reply that is permanent.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from webhooks import phrasing
from webhooks.events import BounceClass, Reason
from webhooks.phrases import GENERAL, RULES

MOST = 3000
"""Characters of a diagnostic that are read."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a reply means; `status` is the most telling enhanced code found, or empty."""

    bounce: BounceClass
    reason: Reason
    status: str


HARD = frozenset({Reason.NO_SUCH_USER, Reason.NO_SUCH_DOMAIN, Reason.MOVED, Reason.MAILBOX_DISABLED})
BLOCK = frozenset(
    {
        Reason.POLICY,
        Reason.AUTHENTICATION,
        Reason.CONTENT,
        Reason.VIRUS,
        Reason.REPUTATION,
        Reason.RELAY_DENIED,
        Reason.TOO_BIG,
    }
)

STATUSES: dict[str, Reason] = {
    "1.1": Reason.NO_SUCH_USER,
    "1.2": Reason.NO_SUCH_DOMAIN,
    "1.3": Reason.NO_SUCH_USER,
    "1.6": Reason.MOVED,
    "1.7": Reason.POLICY,
    "1.8": Reason.POLICY,
    "1.10": Reason.NO_SUCH_USER,
    "1.90": Reason.RATE_LIMITED,
    "2.1": Reason.MAILBOX_DISABLED,
    "2.2": Reason.MAILBOX_FULL,
    "2.3": Reason.TOO_BIG,
    "2.4": Reason.SYSTEM,
    "2.121": Reason.RATE_LIMITED,
    "2.122": Reason.RATE_LIMITED,
    "3.4": Reason.TOO_BIG,
    "4.7": Reason.EXPIRED,
    "4.6": Reason.SYSTEM,
    "4.14": Reason.SYSTEM,
    "4.300": Reason.EXPIRED,
    "4.310": Reason.NO_SUCH_DOMAIN,
    "7.8": Reason.RELAY_DENIED,
    "7.20": Reason.AUTHENTICATION,
    "7.21": Reason.AUTHENTICATION,
    "7.22": Reason.AUTHENTICATION,
    "7.23": Reason.AUTHENTICATION,
    "7.24": Reason.AUTHENTICATION,
    "7.25": Reason.AUTHENTICATION,
    "7.26": Reason.AUTHENTICATION,
    "7.28": Reason.RATE_LIMITED,
    "7.57": Reason.RELAY_DENIED,
    "7.64": Reason.RELAY_DENIED,
    "7.509": Reason.AUTHENTICATION,
    "7.511": Reason.REPUTATION,
    "7.512": Reason.CONTENT,
    "7.705": Reason.RATE_LIMITED,
    "7.708": Reason.REPUTATION,
}
"""Subject and detail of a status; RFC 3463, 7372 (7.20–7.26), 7505 (1.10) and Exchange Online's own."""

SUBJECTS: dict[str, Reason] = {
    "3": Reason.SYSTEM,
    "4": Reason.NETWORK,
    "5": Reason.SYSTEM,
    "6": Reason.CONTENT,
    "7": Reason.POLICY,
}
"""The subject alone (RFC 3463 3.1), where neither the words nor the detail say more."""

_PASSING = re.compile(r"temporar|suspen|sospes|lock|frozen|blocked|currently|заблокирован|冻结|锁定|приостановлен")
_LINK = re.compile(r"https?://([^\s/<>\"')]+)[^\s<>\"')]*", re.IGNORECASE)
_LINK_REASON = re.compile(r"[?&]p=(\w+)")
_ADDRESS = re.compile(r"[^\s<>\"'(),;:]{1,64}@[^\s<>\"'(),;:]{1,255}")
_STATUS = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.]*\d)")
_REPLY = re.compile(
    r"(?<![\w.:])(421|45[0-9]|50[0-4]|510|511|521|523|530|535|54[0-9]|55[0-9]|57[0-9]|250|2[25]1)(?![\w.:]\d|\d)"
)
_CODES = re.compile(r"(?<![\w.])(?:[245]\.\d{1,3}\.\d{1,3}(?![.\d])|[45]\d\d(?=[ -]|$))-?")
_TITLE = re.compile(r"unknown address error")
"""What Cisco calls 5.1.0, before it quotes a receiver who may have said nothing of the address."""
_GLUED = re.compile(r"(?<!\d)([45]\d\d)([45]\.\d\.\d)")


_Table = tuple[tuple[Reason, tuple[phrasing.Phrase, ...]], ...]
_RULES: _Table = tuple((reason, phrasing.table(phrases)) for reason, phrases in RULES)
_GENERAL: _Table = tuple((reason, phrasing.table(phrases)) for reason, phrases in GENERAL)


def classify(status: str, text: str) -> Reading:
    """Read a reply. `status` is the enhanced code a report states, if any; `text` is what the receiver said."""
    return _reading(status, _normal(text))


@lru_cache(maxsize=1000)  # a receiver says the same to many
def _reading(status: str, words: str) -> Reading:
    codes = _STATUS.findall(words)
    reply = _reply(words)
    best = _telling(status, codes)
    permanent = _is_permanent(reply, codes, status)
    spoken = f"{best} {_CODES.sub(' ', _TITLE.sub(' ', words))}"
    reason = _by_words(_RULES, spoken) or _by_detail(best, spoken) or _by_subject(best)
    if reason is Reason.NO_SUCH_DOMAIN and not permanent:
        reason = Reason.NETWORK  # a name server that fails for the moment, not a domain that is gone
    return Reading(_bounce(reason, permanent, words), reason, best)


def telling_status(status: str, text: str) -> str:
    """The most telling enhanced code in a reply that turns nothing away, or empty."""
    return _telling(status, _STATUS.findall(_normal(text)))


def _normal(text: str) -> str:
    text = unicodedata.normalize("NFKC", text[:MOST]).lower().replace("’", "'").replace("`", "'")
    text = _GLUED.sub(r"\1 \2", text)
    text = _LINK.sub(_shortened, text)
    return " ".join(_ADDRESS.sub("@", text).split())


def _shortened(match: re.Match[str]) -> str:
    """A link's path is not what the receiver says, but Google's `?p=NoSuchUser` is."""
    reason = _LINK_REASON.search(match[0])
    return f"{match[1]} {reason[1]}" if reason else match[1]


def _reply(words: str) -> str:
    found = _REPLY.search(words)
    return found[1] if found else ""


def _telling(status: str, codes: list[str]) -> str:
    """The stated status, unless it says nothing and the words carry one that does."""
    stated = status.strip() if _STATUS.fullmatch(status.strip()) else ""
    if stated and not stated.endswith(".0.0"):
        return stated
    return next((code for code in codes if not code.endswith(".0.0")), stated or next(iter(codes), ""))


def _is_permanent(reply: str, codes: list[str], status: str) -> bool:
    """What the receiver itself answered counts before what a relay concluded from it."""
    said = reply or next(iter(codes), "") or status.strip()
    return not said.startswith("4")


def _by_words(rules: _Table, spoken: str) -> Reason | None:
    text = " ".join(spoken.split())
    return next((reason for reason, phrases in rules if phrasing.stand_in(phrases, text)), None)


def _by_detail(status: str, spoken: str) -> Reason | None:
    """A detail that accuses the sender outweighs vague words; one that buries the recipient does not."""
    stated = STATUSES.get(status.partition(".")[2])
    if stated and stated not in HARD:
        return stated
    return _by_words(_GENERAL, spoken) or stated


def _by_subject(status: str) -> Reason:
    _, _, rest = status.partition(".")
    return Reason.UNKNOWN if rest == "0.0" else SUBJECTS.get(rest.partition(".")[0], Reason.UNKNOWN)


def _bounce(reason: Reason, permanent: bool, words: str) -> BounceClass:
    if reason in HARD:
        passing = reason is Reason.MAILBOX_DISABLED and _PASSING.search(words)
        return BounceClass.HARD if permanent and not passing else BounceClass.SOFT
    if reason in BLOCK:
        return BounceClass.BLOCK
    return BounceClass.BLOCK if reason is Reason.RATE_LIMITED and permanent else BounceClass.SOFT
