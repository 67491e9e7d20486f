"""Cameras by RTSP address."""
