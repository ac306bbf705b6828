"""The only place that sees all parts: bring a cluster up and down."""
