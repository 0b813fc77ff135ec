"""From certificates to certified top-k accuracy."""
