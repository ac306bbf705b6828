"""The service proxy: Services and EndpointSlices become kernel rules."""
