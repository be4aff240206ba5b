"""What staff have done."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Named,
    Table,
    Text,
    TypedColumns,
)

from subscribers.columns import BigInt, Instant, Json
from subscribers.tables import metadata


class AuditColumns(TypedColumns):
    """Who among staff did what, to what."""

    id: Named[int] = Column(BigInt, primary_key=True, autoincrement=True)
    at: Named[datetime] = Column(Instant)
    actor: Named[str] = Column(Text)
    action: Named[str] = Column(Text)
    subject: Named[str] = Column(Text)
    detail: Named[dict[str, Any]] = Column(Json, server_default="{}")


audit = Table("audit", metadata, AuditColumns, sqlite_strict=True)
