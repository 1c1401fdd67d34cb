"""Dark Pairs: from a dark-sector Lagrangian to an exclusion contour.

Import the room you need, for example ``from darkpairs import flux``. Importing the
package alone loads nothing else, so it is instant.
"""

__version__ = "0.1.0"
