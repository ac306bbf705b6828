"""What the ResourceClaim controller decides: on the claims of a pod (`pod`), and on one claim's users and end (`claim`)."""
