"""Tests: one folder per room, real peers in `peers`, whole journeys in `journey`, house rules in `house`."""
