"""What we tell others: each step of a subscriber or a campaign, signed and posted to whoever staff have named.

The outbox is filled by triggers in the database, in the transaction of what it tells; nothing here is called for that.
"""
