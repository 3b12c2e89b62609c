"""What stands beside the code? One reader for each kind of deployment file; nothing is executed."""
