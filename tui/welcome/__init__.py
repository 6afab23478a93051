"""The first minute: what an empty home says, and the sample that can be looked at meanwhile."""
