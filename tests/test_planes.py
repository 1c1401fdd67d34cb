"""Laws of the room `planes`."""
