"""What does the code say about its connections? Facts of each module, and their links across the project."""
