import pytest

from webhooks import tokens


@pytest.mark.parametrize(
    "text",
    [
        "bounce+{}@bounces.example.org",
        "<BOUNCE+{}@BOUNCES.EXAMPLE.ORG>",
        "SRS0=xJ4k=QT=bounces.example.org=bounce+{}@forwarder.example",
        "SRS1=Hs7d=forwarder.example==xJ4k=QT=bounces.example.org=bounce+{}@another.example",
        "prvs=1234567890=bounce+{}@bounces.example.org",
        "bounce+{}=bounces.example.org@gateway.example",
        "bounce-{}@bounces.example.org",
        "<{}@news.example.org>",
        "{}",
        "<mailto:unsubscribe+{}@bounces.example.org?subject=unsubscribe>, <https://news.example.org/one-click/x>",
        "rfc822;bounce+{}@bounces.example.org",
    ],
)
@pytest.mark.parametrize("change", [str, str.upper, str.title])
def test_a_token_is_found_whatever_was_rewritten_around_it(text, change, token):
    assert tokens.find(change(text.format(token))) == (token,)


@pytest.mark.parametrize(
    "text",
    ["", "bounce@example.org", "a" * 29, "a" * 41, "a" * 20 + "1" + "a" * 15, "0123456789abcdef0123456789abcdef"],
)
def test_other_runs_of_letters_are_no_tokens(text):
    assert tokens.find(text) == ()


def test_each_token_is_given_once_in_the_order_it_stands(token):
    other = "b" * 36
    assert tokens.find(f"{other} {token}", token.upper()) == (other, token)
    assert tokens.first("", token) == token


def test_a_report_stuffed_with_tokens_costs_no_more_than_a_few():
    text = " ".join(f"{'a' * 30}{first}{second}" for first in "abcdefghij" for second in "abcdefghij")
    assert len(tokens.find(text)) == tokens.MOST
