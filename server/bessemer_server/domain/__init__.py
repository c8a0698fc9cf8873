"""Plain types and rules that every other room speaks in. Standard library only."""
