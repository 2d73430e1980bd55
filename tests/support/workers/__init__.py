"""Real workers for tests: actors that misbehave on request, an entry script, and the lab that drives them."""
