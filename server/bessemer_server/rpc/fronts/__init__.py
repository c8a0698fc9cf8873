"""Processes that receive calls for the server, on the same port.

Receiving is most of what a small prediction costs, and one Python process receives on one core. A front knows nothing of models:
predictions it hands to the server over a socket pair, as bytes, and the answers back; any other call it passes on. Large requests lie in
memory that both see.

frames      what goes over the socket pair
sharing     what does not go: large requests, of which both see the bytes
process     the front itself
passing     calls that are no predictions
reserving   the port that all fronts share
hub         the server's side: starts fronts, answers what they hand over
predicting  those answers
"""
