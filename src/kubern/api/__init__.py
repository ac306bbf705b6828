"""What API objects are: schemas, encodings and the built-in resources. No I/O."""
