"""A function that makes an asset is a Dag: `@asset` gives it one task, and `schedule=` says what it is made of.

A parameter named `self` is the asset itself and `context` the task's context; any other name is that of an asset.
Unpause all of them and run `example_prices` by hand; the others follow.
"""

from airflow.sdk import Asset, asset


@asset(schedule=None, uri="file:///tmp/example/prices.json", tags=["example"])
def example_prices(self, context):
    """Where it all begins; what is said of an update travels with it."""
    context["outlet_events"][self].extra = {"tea": 3, "coffee": 4}


@asset.multi(
    schedule=example_prices, outlets=[Asset("example_cheap"), Asset("example_dear")], tags=["example"]
)  # fmt: skip
def example_split(context, example_prices):
    """Makes two at once."""
    for news in context["triggering_asset_events"].get(example_prices, ()):
        print("prices:", news.extra)


@asset(schedule=Asset("example_cheap") & Asset("example_dear"), tags=["example"])
def example_report(context):
    """Follows when both have been made."""
    return sorted(asset.name for asset in context["triggering_asset_events"])
