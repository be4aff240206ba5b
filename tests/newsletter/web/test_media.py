"""The pictures that mails link to, as a mail program asks for them."""

from newsletter.campaigns import media
from newsletter.content.letters import Picture


async def test_a_picture_is_served_for_good_and_to_mail_programs_in_other_sites(client, database, now) -> None:
    picture = Picture("0123abcd.png", "image/png", 1, 1, b"\x89PNG of a kind")
    async with database.begin() as connection:
        await media.keep(connection, [picture, picture], now)
    response = await client.get("/media/0123abcd.png")
    assert (response.status_code, response.content) == (200, picture.content)
    assert response.headers["content-type"] == "image/png"
    assert "immutable" in response.headers["cache-control"]
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert response.headers["x-content-type-options"] == "nosniff"


async def test_a_picture_that_is_not_there_is_404(client, loaded) -> None:
    assert (await client.get("/media/nothing.png")).status_code == 404
    assert (await client.get("/media/..%2fsecret")).status_code == 404
