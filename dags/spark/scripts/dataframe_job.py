"""DataFrame job: orders.csv becomes clean Parquet in a folder for each day, and a table of cities.

spark-submit dataframe_job.py ORDERS OUTPUT
"""

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as f


def main(source: str, output: str) -> None:
    spark = SparkSession.builder.getOrCreate()
    # read -> select, filter, groupBy -> write, count, show: nothing happens before the first of the last three.
    orders = spark.read.option("header", True).csv(source)
    clean = (
        orders.select(
            f.col("order_id").cast("long"),
            "day",
            "city",
            "customer",
            # Spark 4 is strict: a bad number would end the job.
            f.expr("try_cast(amount AS BIGINT)").alias("amount"),
            "status",
        )
        .filter(f.col("amount").isNotNull())
        .dropDuplicates(["order_id"])
    )
    clean.write.mode("overwrite").partitionBy("day").parquet(f"{output}/orders")
    kept = spark.read.parquet(f"{output}/orders")
    cities = kept.groupBy("city").agg(f.count("*").alias("orders"), f.sum("amount").alias("total")).orderBy("city")
    cities.coalesce(1).write.mode("overwrite").option("header", True).csv(f"{output}/cities")
    cities.show()
    print(f"read {orders.count()} rows, kept {kept.count()}")
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
