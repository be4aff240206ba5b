"""Our HMAC is the one of the standard library."""

import hmac

from hypothesis import given
from hypothesis import strategies as st

from subscribers.keyed import Keyed


@given(key=st.binary(max_size=200), message=st.binary(max_size=300))
def test_it_signs_as_hmac_does_with_keys_and_messages_of_any_length(key: bytes, message: bytes) -> None:
    assert Keyed(key).sign(message) == hmac.digest(key, message, "sha256")


def test_it_signs_one_message_after_another_and_each_as_if_it_were_the_first() -> None:
    keyed = Keyed(b"key")
    assert [keyed.sign(b"one"), keyed.sign(b"two"), keyed.sign(b"one")] == [
        hmac.digest(b"key", message, "sha256") for message in (b"one", b"two", b"one")
    ]
