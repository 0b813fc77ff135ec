"""One file a certificate: votes in, certificates out."""
