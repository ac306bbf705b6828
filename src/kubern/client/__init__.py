"""The client library that every component uses: transports, informers, work queue, events."""
