import pytest

from webhooks import endpoint, errors
from webhooks.providers import build
from webhooks.providers.generic import Generic


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (errors.MalformedReport, 400),
        (errors.NotAuthentic, 401),
        (errors.NotConfigured, 403),
        (errors.UnknownProvider, 404),
        (errors.TooLarge, 413),
    ],
)
def test_each_error_carries_the_answer_it_deserves(error, status):
    assert error("why").status == status


def test_a_provider_nobody_has_heard_of_is_refused_with_the_names_there_are():
    with pytest.raises(errors.UnknownProvider, match=r"known: .*generic"):
        build("nobody", {})


def test_a_provider_takes_its_own_keys_out_of_the_settings():
    assert build("generic", {"generic_secret": "a", "postmark_password": "b"}) == Generic("a")


def test_most_providers_want_no_more_than_an_empty_answer():
    assert endpoint.answer(Generic("a"), b"{}") == b""
