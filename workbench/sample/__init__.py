"""The sample: the real logs of a study of the demo base, packed, and the read-only home that they become."""
