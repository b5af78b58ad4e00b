"""The lineitem job: what its rows are, which are kept, and what is added and summed up."""

from __future__ import annotations

from tradewind.data.jobs import CsvJob, Derived, GroupBy, Rule, Type

COLUMNS = {
    "l_orderkey": Type.BIGINT,
    "l_partkey": Type.BIGINT,
    "l_suppkey": Type.BIGINT,
    "l_linenumber": Type.INTEGER,
    "l_quantity": Type.DOUBLE,
    "l_extendedprice": Type.DOUBLE,
    "l_discount": Type.DOUBLE,
    "l_tax": Type.DOUBLE,
    "l_returnflag": Type.TEXT,
    "l_linestatus": Type.TEXT,
    "l_shipdate": Type.DATE,
    "l_commitdate": Type.DATE,
    "l_receiptdate": Type.DATE,
    "l_shipinstruct": Type.TEXT,
    "l_shipmode": Type.TEXT,
    "l_comment": Type.TEXT,
}

LINEITEM = CsvJob(
    columns=COLUMNS,
    keep=(
        Rule("quantity above 0", "l_quantity > 0"),
        Rule("price not negative", "l_extendedprice >= 0"),
        Rule("discount present", "l_discount IS NOT NULL"),
        Rule("ship date present", "l_shipdate IS NOT NULL"),
        Rule("received after shipping", "l_receiptdate >= l_shipdate"),
    ),
    derived=(
        Derived("net", "l_extendedprice * (1 - l_discount)"),
        Derived("delay", "date_diff('day', l_shipdate, l_receiptdate)"),
    ),
    summary=GroupBy(
        groups=(
            Derived("returnflag", "l_returnflag"),
            Derived("linestatus", "l_linestatus"),
            Derived("year", "year(l_shipdate)"),
        ),
        measures=(
            Derived("rows", "count(*)"),
            Derived("quantity", "sum(l_quantity)"),
            Derived("price", "sum(l_extendedprice)"),
            Derived("net", "sum(net)"),
            Derived("mean_delay", "avg(delay)"),
        ),
    ),
    key=("l_orderkey", "l_linenumber"),
)
