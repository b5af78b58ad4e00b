"""RDD job: load -> map, filter -> reduceByKey -> collect; how often each path of an access log was asked for.

spark-submit rdd_job.py LOG OUTPUT
"""

import json
import re
import sys
from pathlib import Path

from pyspark.sql import SparkSession

REQUEST = r'"[A-Z]+ (\S+) [^"]*" (\d{3}) '


def main(source: str, output: str) -> None:
    spark = SparkSession.builder.getOrCreate()
    lines = spark.sparkContext.textFile(source, 2)
    found = lines.map(lambda line: re.search(REQUEST, line)).filter(lambda match: match is not None)
    good = found.map(lambda match: (match.group(1), match.group(2))).filter(lambda pair: pair[1] < "400")
    # Only now, with an action, does Spark begin.
    counts = good.map(lambda pair: (pair[0], 1)).reduceByKey(lambda one, other: one + other).collect()
    ranking = [list(pair) for pair in sorted(counts, key=lambda pair: (-pair[1], pair[0]))]
    for path, count in ranking:
        print(f"{count:6} {path}")
    target = Path(output)
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(ranking), encoding="utf-8")
    spark.stop()


if __name__ == "__main__":
    main(*sys.argv[1:])
