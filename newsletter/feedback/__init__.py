"""From a report to its consequence: stored once, believed only when our token proves it, applied in one transaction."""

from newsletter.feedback.applying import Applier
from newsletter.feedback.inbox import Unproven, store, store_refusals, unproven, waiting

__all__ = ["Applier", "Unproven", "store", "store_refusals", "unproven", "waiting"]
