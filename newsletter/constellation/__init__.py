"""The constellation: what its file says, what the database holds of it, and when each event's mails are due."""
