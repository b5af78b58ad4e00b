"""`/api/v1`: Airflow 2's stable REST API, as another way of speaking to what `/api/v2` does.

Each route takes what Airflow 2 took, has the route of `api/public` do it, and puts the answer into Airflow 2's words.
There is no SQL here, and no right that the route behind it would not ask for.
"""
