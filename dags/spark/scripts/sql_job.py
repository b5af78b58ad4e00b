"""Spark SQL job: a CSV as a view, and the customer of each city who paid most.

spark-submit sql_job.py ORDERS OUTPUT
"""

import json
import sys
from pathlib import Path

from pyspark.sql import SparkSession

BEST = """
WITH clean AS (
    SELECT DISTINCT order_id, city, customer, try_cast(amount AS BIGINT) AS amount FROM orders
), totals AS (
    SELECT city, customer, sum(amount) AS total FROM clean WHERE amount IS NOT NULL GROUP BY city, customer
), ranked AS (
    SELECT *, row_number() OVER (PARTITION BY city ORDER BY total DESC, customer) AS place FROM totals
)
SELECT city, customer, total FROM ranked WHERE place = 1 ORDER BY city
"""


def main(source: str, output: str) -> None:
    spark = SparkSession.builder.getOrCreate()
    spark.read.option("header", True).csv(source).createOrReplaceTempView("orders")
    best = spark.sql(BEST)
    best.show()
    target = Path(output)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps([row.asDict() for row in best.collect()]), encoding="utf-8")
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
