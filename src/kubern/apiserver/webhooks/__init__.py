"""What the apiserver asks of others over HTTPS: webhooks, and where the services behind them are found.

`caller` sends one request and reads one answer; `services` turns a service reference into an address. Admission webhooks: `configurations`
keeps them, `dispatch` asks those that a request concerns, in the shapes of `review`; `noting` tells the audit log.
"""
