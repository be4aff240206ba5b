"""Why rows are refused, and what is said of rows that are taken."""

from enum import StrEnum


class Fault(StrEnum):
    """Why a row is refused."""

    EMPTY = "the address is empty"
    ADDRESS = "the address cannot be written to"
    FORMULA = "a cell begins like a formula"
    CELLS = "there are more cells than columns"
    LINES = "a cell spans several rows"
    EVENTS = "no event of that name"
    NEVER = "the person never subscribed"
    STATUS = "the status is not known"


class Remark(StrEnum):
    """What was put right, or left out, in a row that was taken."""

    ATTRIBUTES = "attributes are no JSON: left out"
    RHYTHM = "unknown rhythm, as in weekly: each mail is sent"
    PAUSE = "the end of a pause not readable, as in 2021-02-01: left out"
    ZONE = "unknown time zone, as in Europe/Madrid: the constellation's is used"
    LANGUAGE = "unknown language, as in es or de-AT: the constellation's is used"
    EVENT = "unknown event: left out"
    NAME = "a web or e-mail address in a name: the name is left out"
    MOMENT = "consent date not readable, as in 2021-02-01: not taken as proof"
    FUTURE = "consent date in the future: not taken as proof"
