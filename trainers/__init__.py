"""How pairs become an adapter: specs without torch, and the programs that train."""
