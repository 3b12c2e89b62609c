"""What do SQLAlchemy, the drivers, the frameworks and the poolers do? Facts, each with its source."""
