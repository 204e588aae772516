"""Modules around a stack: encoders and decoders, attention, pooling, convolution."""
