"""What is wrong with it? One file for each rule; its docstring is its page."""
