"""Laws of the room `microboone`."""
