"""squrl: what the functions of the URL shortener share. Importing it changes nothing in the importing process."""
