"""squrl: what the functions of the URL shortener share. Importing it changes nothing in the importing process."""

__version__ = "0.2.0"
