"""Handlers: functions of the application that are called with what a hub sends."""
