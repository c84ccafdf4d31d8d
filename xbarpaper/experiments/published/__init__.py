"""Numbers that others report, and this artifact's networks under the conventions that may have given them."""
