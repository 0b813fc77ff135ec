"""Networks made for ablated inputs, and the trained ones that the package carries."""
