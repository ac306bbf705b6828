"""The apiserver: the only reader and writer of the store, and the API that everything else is a client of."""
