"""The Compare screen: lenses, SQL, results and charts of them."""
