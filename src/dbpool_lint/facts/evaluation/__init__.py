"""What may an expression be? Names, attributes, calls and annotations, worked out across modules."""
