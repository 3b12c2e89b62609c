"""What happens when a pool fails? Exceptions that are raised, and the handlers around them."""
