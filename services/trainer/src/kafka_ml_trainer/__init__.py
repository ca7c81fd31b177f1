"""Trains and validates models; model code runs in its guest."""
