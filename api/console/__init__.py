"""The web console: its pages, and the few facts that it needs and the Pulp API does not have."""
