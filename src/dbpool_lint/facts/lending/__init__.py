"""How do leases get from those who take them to those who use them? Generators, dependencies, factories."""
