"""What every layer needs and that knows nothing of Kubernetes' objects: clock, errors, back-off, quantities, folder scan."""
