"""What a notice repeats of the mail it is about: a subject is our words, and never a receiver's reason."""

import re

from webhooks.reports import mime

MOST = 200
"""Characters of a subject that are looked for."""

_LABEL = r"(?<!\w)(?:subject|betreff|objet|sujet|asunto|oggetto|assunto|onderwerp|temat|тема|主题|主旨|件名|제목)"
_LINE = re.compile(rf"^[^\w\n]{{0,20}}{_LABEL}[ \t]{{0,20}}[:：](.*)$", re.IGNORECASE | re.MULTILINE)
_FEW = 3
"""Words below which a subject may be a reason as well, and is taken out only behind its label."""


def subject(enclosed: mime.Part | None, text: str) -> str:
    """The subject of the mail that came back: as it is enclosed, or else as the text quotes it."""
    stated = enclosed.header("subject") if enclosed else ""
    found = None if stated else _LINE.search(text)
    return (found[1] if found else stated)[:MOST].strip()


def without(text: str, ours: str) -> str:
    """The text without that subject, however its lines are broken."""
    words = r"\s{1,20}".join(map(re.escape, ours.split()))
    label = rf"{_LABEL}\W{{0,20}}" if len(ours.split()) < _FEW else ""
    shortened = re.sub(label + words, " ", text, flags=re.IGNORECASE) if words else text
    return _LINE.sub("", shortened)
