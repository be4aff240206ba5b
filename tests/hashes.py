"""What an address is kept by in a test's database, whose settings all have one key."""

from subscribers import suppression

KEY = "h" * 40


def of(address: str, key: str = KEY) -> str:
    """The hash of an address in its normal form."""
    return suppression.address_hash(address, key)


def of_number(number: int) -> str:
    """That of one of the people whom `add_people` adds."""
    return of(f"p{number}@example.org")
