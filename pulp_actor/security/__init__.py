"""Password hashing, field encryption, permissions, and the policy on outbound URLs."""
