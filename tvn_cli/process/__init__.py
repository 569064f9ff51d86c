"""What a process owes to the terminal and the shell that started it, whatever the command."""
