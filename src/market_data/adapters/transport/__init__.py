"""Ways to the venues: the network now; recordings and their replay fit behind the same port."""
