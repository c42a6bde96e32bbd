"""squrl: what the functions of the URL shortener share."""
