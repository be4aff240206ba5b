"""What a campaign is about, told from its row: whom it concerns, and whether it can wait for their digest."""

from collections.abc import Mapping
from typing import Any

from newsletter.constellation import planning
from newsletter.constellation.model import Event
from subscribers.audience import About


def about(
    slug: str, topic: str | None, event_kind: str, kind: str, document: Mapping[str, Any], *, asks: bool
) -> About:
    """What the campaign `slug` of that kind is about. A digest's items are in its facts once it has started.

    `asks` says whether its event asks who comes.
    """
    if kind == planning.DIGEST:
        items = document.get("facts", {}).get("items", [])
        return planning.about_items(Event.from_document(item["event"]) for item in items)
    is_planned = slug == f"{topic}/{kind}" or bool(document.get("is_planned"))
    return planning.about(topic, event_kind, kind, asks=asks, is_planned=is_planned)
