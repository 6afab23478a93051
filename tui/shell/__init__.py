"""What holds on every screen: keys, palette, help, guide, looks, and what is done about errors."""
