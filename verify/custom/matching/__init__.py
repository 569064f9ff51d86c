"""Which layer of the original is which module of the port, and which variable which tensor."""
