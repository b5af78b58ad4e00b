"""The weather pipelines: hourly collection, and what is built on it. Each step is a plain function of a run."""
