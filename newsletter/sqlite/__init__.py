"""SQLite for asyncio, and SQLAlchemy's dialect over it; see `driver` for why it is not one of those that there are."""
