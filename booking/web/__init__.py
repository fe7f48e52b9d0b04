"""The web edge: read a request, call one verb, show the result. One package per audience; none imports another."""
