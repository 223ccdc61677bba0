"""What a cell sends along: files, folders and modules of this machine."""
