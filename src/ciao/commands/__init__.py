"""What a user can ask of jobs. Each returns a value; a cell and the command line only present it."""
