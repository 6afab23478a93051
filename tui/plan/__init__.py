"""The Plan screen: what is trained at every site, edited on a map of blocks and modules."""
