"""What can be wrong with an XCom value."""

from tradewind.core.errors import TradewindError


class XComEncodeError(TradewindError):
    """A value cannot be stored as an XCom."""


class XComDecodeError(TradewindError):
    """Stored bytes are not an XCom."""
