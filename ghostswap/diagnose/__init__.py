"""What the facts about a host mean: judgement over what host/ has read, without I/O."""
