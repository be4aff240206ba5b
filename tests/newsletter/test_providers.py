"""Each provider can be reached: its keys are settings, and the token in our mails is one that it hands back."""

from dataclasses import fields
from typing import get_args

import pytest

from newsletter.content.headers import TOKEN_LINES
from newsletter.setting_tables import Smtp, Webhooks
from webhooks import lists, providers
from webhooks.lists import LISTS
from webhooks.providers import PROVIDERS


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_each_key_of_a_provider_is_a_setting_and_reaches_it(name: str) -> None:
    wanted = [field.name for field in fields(PROVIDERS[name]) if field.type in (str, "str")]  # type: ignore[arg-type] # all are dataclasses
    assert wanted
    given = {field: f"the {field}" for field in wanted}
    given |= {"topic_arn": "arn:aws:sns:eu-west-1:123456789012:news"} if "topic_arn" in given else {}
    settings = Webhooks(**{f"{name}_{field}": value for field, value in given.items()})
    built = providers.build(name, settings.in_clear())
    assert {field: getattr(built, field) for field in wanted} == given


def test_every_setting_of_webhooks_belongs_to_a_provider() -> None:
    known = {
        f"{name}_{field.name}"
        for name, cls in [*PROVIDERS.items(), *LISTS.items()]
        for field in fields(cls)  # type: ignore[arg-type] # all are dataclasses
    }
    assert set(Webhooks.model_fields) - {"lists_every"} <= known


@pytest.mark.parametrize("name", sorted(LISTS))
def test_each_key_of_a_list_is_a_setting_and_reaches_it(name: str) -> None:
    wanted = {field.name: "https://api.example.org" for field in fields(LISTS[name])}  # type: ignore[arg-type] # all are dataclasses
    wanted |= {"region": "eu-west-1"} if "region" in wanted else {}
    settings = Webhooks(**{f"{name}_{field}": value for field, value in wanted.items()})
    built = lists.build(name, settings.in_clear())
    assert {field: getattr(built, field) for field in wanted} == wanted


def test_the_relays_that_can_be_named_are_those_whose_header_we_know() -> None:
    assert set(get_args(Smtp.model_fields["provider"].annotation)) == {"", *TOKEN_LINES}
