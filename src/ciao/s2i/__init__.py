"""S2IClient: the code of a cell becomes a bundle."""
