"""Certificate signing requests: what is asked for, who may sign it, and the signing. Used by the controllers of the Certificates API."""
