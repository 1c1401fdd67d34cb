"""Laws of the room `onering`."""
