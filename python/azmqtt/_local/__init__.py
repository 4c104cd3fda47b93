"""What the local hub and the local namespace share."""
