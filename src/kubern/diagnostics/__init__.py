"""What every program shows of itself over HTTP: health, metrics, status, flags, configuration, profiles."""
