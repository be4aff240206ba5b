"""What a notice repeats of the mail it is about: a subject is our words, and never a receiver's reason."""

import re

from webhooks.reports import mime

MOST = 200
"""Characters of a subject that are looked for."""

_LABEL = r"(?<!\w)(?:subject|betreff|objet|sujet|asunto|oggetto|assunto|onderwerp|temat|тема|主题|主旨|件名|제목)"
_LINE = re.compile(rf"^[^\w\n]{{0,20}}{_LABEL}[ \t]{{0,20}}[:：](.*)$", re.IGNORECASE | re.MULTILINE)
_VERBS = "was|has|is|to|from|with|you|that|which|could|cannot|can|did|does|will|exceed(?:s|ed)"
"""What goes on after “the original message” where a notice speaks of it and no copy of it begins."""
_COPY = re.compile(
    r"^(?:[ \t]{0,20}[-_=*#]{2}.{0,80}\b(?:original|returned m|copy of|unsent|undelivered"
    r"|message (?:header|text|body)?s? ?follow|nachricht|копия сообщения|исходно|元の|原始|原邮件|原信)"
    r"|(?:received|return-path|dkim-signature|list-[a-z]{2,20}|feedback-id):|>\s*(?:from|to|subject):\s"
    rf"|(?:the )?(?:original|returned|old) (?:message|mail)\b(?!\s(?:{_VERBS})\b)|your message reads"
    r"|[^\w\n]{0,20}(?:mensaje original|message d'origine|message original|mensagem original|messaggio originale"
    r"|originalnachricht|ursprüngliche nachricht)\b"
    r"|(?:this|here|included) is a copy|[ \t]{0,20}message (?:header|text|body)s? follow"
    r"|(?!.{0,100}\b(?:reason|error|cause))"
    r".{0,60}\b(?:original|undelivered|unsent|returned) (?:message|e?-?mail)\b.{0,40}\b(?:follow|below|attached))",
    re.IGNORECASE | re.MULTILINE,
)
_VERSION = re.compile(r"(?<![45]\d\d[ -])(?<![\w.#-])\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w.])")
"""Three numbers in a title, which without a reply code before them are not the status of anything."""
_BEFORE_OURS = re.compile(
    r"^(\s*(?:undeliverable|undelivered|unzustellbar|non remis|onbestelbaar)\s*:)[^@]*$", re.IGNORECASE
)
"""What Exchange writes before a subject of ours."""
_FEW = 3
"""Words below which a subject may be a reason as well, and is taken out only behind its label."""


def subject(enclosed: mime.Part | None, text: str) -> str:
    """The subject of the mail that came back: as it is enclosed, or else as the text quotes it."""
    stated = enclosed.header("subject") if enclosed else ""
    found = None if stated else _LINE.search(text)
    return (found[1] if found else stated)[:MOST].strip()


def start_of_copy(text: str) -> int:
    """Where a notice ends and the mail it returns begins; its end where it holds none."""
    return next((match.start() for match in _COPY.finditer(text) if match.start()), len(text))


def title(text: str, ours: str) -> str:
    """What the subject of a report says itself."""
    return _VERSION.sub("", _BEFORE_OURS.sub(r"\1", without(text, ours)))


def without(text: str, ours: str) -> str:
    """The text without that subject, however its lines are broken."""
    words = r"\s{1,20}".join(map(re.escape, ours.split()))
    label = rf"{_LABEL}\W{{0,20}}" if len(ours.split()) < _FEW else ""
    shortened = re.sub(label + words, " ", text, flags=re.IGNORECASE) if words else text
    return _LINE.sub("", shortened)
