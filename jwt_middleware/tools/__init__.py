"""What a developer runs: the command, the development gateway, the demo, and explanations."""
