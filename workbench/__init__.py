"""Where in a quantized language model does adapter capacity pay?"""

__version__ = "0.1.0"
