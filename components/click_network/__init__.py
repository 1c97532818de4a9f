"""Which pixels of one photo belong to the thing under a click, by a small trained network that looks once per photo."""
