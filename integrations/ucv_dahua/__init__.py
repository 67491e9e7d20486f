"""Cameras and recorders of Dahua, and of those that sell them under other names: CGI."""
