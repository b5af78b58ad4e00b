"""Access log job: what each user did on a day, and a row of features for each user, fit to train a recommender.

spark-submit access_log_job.py LOG DAY OUTPUT
"""

import sys

from pyspark.sql import SparkSession
from pyspark.sql import functions as f

LINE = r'^(\S+) \S+ (\S+) \[([^\]]+)\] "[A-Z]+ (\S+) [^"]*" (\d{3}) (\d+)'
KINDS = ["books", "films", "music"]


def main(source: str, day: str, output: str) -> None:
    spark = SparkSession.builder.getOrCreate()
    lines = spark.read.text(source)
    parts = ["host", "user", "at", "path", "status", "bytes"]
    table = lines.select(*[f.regexp_extract("value", LINE, n).alias(name) for n, name in enumerate(parts, 1)])
    good = table.filter("status != ''").select(
        "user", "path", f.col("status").cast("int").alias("status"), f.col("bytes").cast("long").alias("bytes")
    )
    good.cache()
    known = good.filter("user != '-'")
    users = (
        known.groupBy("user")
        .agg(
            f.count("*").alias("requests"),
            f.sum("bytes").alias("bytes"),
            f.sum(f.when(f.col("status") >= 400, 1).otherwise(0)).alias("errors"),
        )
        .select(f.lit(day).alias("day"), "*")
        .orderBy("user")
    )
    users.coalesce(1).write.mode("overwrite").option("header", True).csv(f"{output}/users/day={day}")

    # How much of what somebody looked at was of each kind: three numbers that add up to 1.
    kind = f.regexp_extract("path", r"^/(\w+)/", 1)
    views = known.filter("status < 400").withColumn("kind", kind).filter(f.col("kind").isin(KINDS))
    counts = views.groupBy("user").pivot("kind", KINDS).count().na.fill(0)
    total = sum((f.col(name) for name in KINDS[1:]), f.col(KINDS[0]))
    features = counts.select("user", f.array(*[f.round(f.col(name) / total, 6) for name in KINDS]).alias("features"))
    features.orderBy("user").coalesce(1).write.mode("overwrite").json(f"{output}/features/day={day}")

    read, used = lines.count(), good.count()
    print(f"{day}: {read} lines, {read - used} of them unreadable, {users.count()} users")
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
